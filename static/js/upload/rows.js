// The rows of the upload list: the page's own until the server answers, then the server's in their place.

import { byId, part } from "../lib/dom.js";
import { htmx } from "../lib/htmx.js";
import { isOpen, keyOf, merged } from "../lib/upload_list.js";
import { isBrowserImage, summary } from "../lib/uploads.js";

const MAX_PREVIEWS = 60; // beyond these a row waits for the server's thumbnail
const CONTROL = "a, button:not([hidden])";

const blank = byId("upload-row-template");
const list = byId("uploads");
let previews = 0;

export function makeRow(file) {
  const row = blank.content.firstElementChild.cloneNode(true);
  part(row, "name").textContent = file.name;
  part(row, "cancel").setAttribute("aria-label", `Cancel ${file.name}`);
  if (isBrowserImage(file) && previews < MAX_PREVIEWS) {
    previews += 1;
    const image = document.createElement("img");
    image.className = "scan-image thumb";
    image.alt = "";
    image.decoding = "async";
    image.src = URL.createObjectURL(file);
    image.onerror = () => image.replaceWith(part(blank.content, "thumb").cloneNode(true));
    part(row, "thumb").replaceWith(image);
  }
  return row;
}

function releasePreview(row) {
  const image = row.querySelector('img[src^="blob:"]');
  if (!image) return;
  previews -= 1;
  URL.revokeObjectURL(image.src);
}

/** Hides or shows a button; if a hidden one had the focus, `next` gets it. */
export function hide(button, hidden, next) {
  const focused = hidden && document.activeElement === button;
  button.hidden = hidden;
  if (focused) next.focus();
}

/** The file is being sent: it can no longer be canceled. */
export function begin(row) {
  hide(part(row, "cancel"), true, beside(row));
}

export function showProgress(row, { percent, text }) {
  if (percent !== undefined) row.querySelector("progress").value = percent;
  part(row, "bar-text").textContent = text;
}

/** Ends a row with a sentence; with `again` it offers to send the file once more. */
export function showProblem(row, text, again) {
  row.dataset.state = "refused";
  begin(row);
  part(row, "bar").hidden = true;
  part(row, "problem").textContent = text;
  part(row, "problem").hidden = false;
  part(row, "remove").hidden = false;
  part(row, "again").hidden = !again;
  part(row, "again").onclick = again || null;
}

/** Back to the state before the first byte. */
export function resetRow(row) {
  row.dataset.state = "here";
  for (const name of ["problem", "remove", "again"]) part(row, name).hidden = true;
  for (const name of ["bar", "cancel"]) part(row, name).hidden = false;
  showProgress(row, { percent: 0, text: "Next" });
}

/** New rows come to the top of the list, below `after` if that is given. */
export function addRows(rows, after) {
  if (after?.isConnected) after.after(...rows);
  else list.prepend(...rows);
}

/** Puts the page's own row in place of those that wait for its file. */
export function takePlace(row) {
  const [first, ...others] = ofKey(keyOf(row)).filter(isOpen);
  if (first) first.replaceWith(row);
  else list.prepend(row);
  for (const other of others) removeRow(other);
}

/**
 * Puts the server's rows in place of all that the list shows of a file; an archive is one file and many rows. Returns
 * rows that showed the same as another file did, and moved.
 */
export function replaceRow(row, answers) {
  const moved = [];
  keepingFocus(() => {
    for (const answer of answers) {
      const known = rowWithId(answer.dataset.row);
      if (known && keyOf(known) === keyOf(answer)) {
        known.replaceWith(answer); // one more slice of a series
      } else {
        if (known) moved.push(known);
        known?.remove();
        row.before(answer);
      }
      htmx.process(answer);
    }
    for (const old of ofKey(keyOf(row))) if (!answers.includes(old)) removeRow(old);
  });
  return moved;
}

const rowWithId = (id) => list.querySelector(`[data-row="${id}"]`);

/** All rows of a file. */
export const ofKey = (key) => [...list.children].filter((row) => keyOf(row) === key);

// An element that leaves the page loses the focus, even if it comes back at once.
function keepingFocus(change) {
  const focused = list.contains(document.activeElement) ? document.activeElement : null;
  const { row, key } = focused?.closest(".upload-row").dataset || {};
  change();
  if (!focused || focused === document.activeElement) return;
  const now = rowWithId(row) || list.querySelector(`[data-key="${key}"]`);
  const same = now?.querySelector(`[data-part="${focused.dataset.part}"]:not([hidden])`) || now?.querySelector(CONTROL);
  const next = focused.isConnected ? focused : same || byId("id_files");
  next.focus({ preventScroll: true });
}

export function removeRow(row) {
  releasePreview(row);
  row.remove();
}

/** The whole list as the server has it, but for what this page knows better: see `merged`. */
export function showList(rows, changed) {
  const shown = merged([...list.children], rows, changed);
  for (const { dataset } of list.querySelectorAll('.upload-asks:has([aria-pressed="true"])')) {
    const same = shown.find((row) => row.dataset.row === dataset.row);
    if (same) part(same, "confirm")?.setAttribute("aria-pressed", "true"); // answered; the file's other images are not yet
  }
  keepingFocus(() => list.replaceChildren(...shown));
  htmx.process(list);
}

/** Rows of files that never arrived: [{ name, size, key, reference, row }]. */
export function notSent() {
  return [...list.querySelectorAll('[data-state="waiting"]')].map((row) => ({ ...row.dataset, row }));
}

/** The line above the list, and what depends on whether there are rows. queue: { left, total, paused }. */
export function showSummary(queue, isElsewhere) {
  const counts = { taken: 0, known: 0, asks: 0, refused: 0, waiting: 0 };
  for (const row of list.children) {
    const elsewhere = row.dataset.state === "waiting" && isElsewhere(row.dataset.key);
    const line = part(row, "not-sent");
    if (elsewhere && line) line.textContent = "Being sent in another tab.";
    if (!elsewhere && row.dataset.state in counts) counts[row.dataset.state] += 1;
  }
  const parts = summary(queue, counts);
  const line = byId("upload-summary");
  // A screen reader announces every change.
  if (line.textContent !== parts.join("")) {
    line.replaceChildren(...parts.map((text) => Object.assign(document.createElement("span"), { textContent: text })));
  }
  byId("not-sent").hidden = !counts.waiting;
  const dismissing = byId("dismiss-form");
  const focused = dismissing.contains(document.activeElement);
  dismissing.hidden = !list.children.length;
  if (focused && dismissing.hidden) byId("id_files").focus();
}

/** The rows that "Clear finished" removes. */
export function finishedRows() {
  const ended = (row) => !row.querySelector("[data-status]");
  return [...list.querySelectorAll('[data-state="taken"], [data-state="known"]')].filter(ended);
}

/** Removes rows, or what has taken their place meanwhile; if one had the focus, the row beside them gets it. */
export function leaveRows(some) {
  const gone = some.map((row) => (row.isConnected ? row : rowWithId(row.dataset.row))).filter(Boolean);
  const focused = gone.some((row) => row.contains(document.activeElement));
  for (const row of gone.slice(1)) removeRow(row);
  const next = gone.length && beside(gone[0]);
  if (gone.length) removeRow(gone[0]);
  if (focused) next.focus();
}

// The first control of the row beside this one; without one, the button that chooses files.
function beside(row) {
  const near = row.nextElementSibling || row.previousElementSibling;
  return near?.querySelector(CONTROL) || byId("id_files");
}
