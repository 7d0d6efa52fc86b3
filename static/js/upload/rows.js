// The rows of an upload: one per file until the server answers, then the server's own rows in its place.

import { byId, part } from "../lib/dom.js";
import { htmx } from "../lib/htmx.js";
import { isBrowserImage } from "../lib/uploads.js";

const MOST_PREVIEWS = 60; // beyond these a row waits for the server's thumbnail

const blank = byId("upload-row-template");
const list = byId("uploads");
let previews = 0;

export function makeRow(file) {
  const row = blank.content.firstElementChild.cloneNode(true);
  part(row, "name").textContent = file.name;
  if (isBrowserImage(file) && previews < MOST_PREVIEWS) {
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

/** Frees the preview that the browser made from the file. */
export function releasePreview(row) {
  const image = row.querySelector('img[src^="blob:"]');
  if (!image) return;
  previews -= 1;
  URL.revokeObjectURL(image.src);
}

export function showProgress(row, { percent, text }) {
  if (percent !== undefined) row.querySelector("progress").value = percent;
  part(row, "bar-text").textContent = text;
}

/** Ends a row with a sentence; with `again` it offers to send the file once more. */
export function showProblem(row, text, again) {
  part(row, "bar").hidden = true;
  part(row, "problem").textContent = text;
  part(row, "problem").hidden = false;
  part(row, "remove").hidden = false;
  part(row, "again").hidden = !again;
  part(row, "again").onclick = again || null;
}

/** Back to the state before the first byte. */
export function resetRow(row) {
  for (const name of ["problem", "remove", "again"]) part(row, name).hidden = true;
  part(row, "bar").hidden = false;
  showProgress(row, { percent: 0, text: "Next" });
}

/** Puts the server's rows in place of the job's own; an archive is one file here and many rows there. */
export function replaceRow(job, answers, onConfirmable) {
  const { row } = job;
  const image = row.querySelector("img");
  if (answers.length === 1 && !answers[0].dataset.row && image) part(answers[0], "thumb")?.replaceWith(image);
  else releasePreview(row);
  for (const answer of answers) place(document.adoptNode(answer), job, onConfirmable);
  row.remove();
}

function place(fresh, job, onConfirmable) {
  const id = fresh.dataset.row;
  const known = id && list.querySelector(`[data-row="${id}"]`);
  if (known && fresh.hasAttribute("data-gathers")) {
    known.replaceWith(fresh); // one more slice of a series that has a row already
  } else {
    if (known) markAsRepeat(fresh);
    // A scan that was uploaded before has its first file's name; this file's own name goes in front of it.
    const stored = fresh.querySelector("[data-open]");
    const renamed = fresh.hasAttribute("data-repeats") && stored.textContent !== job.file.name;
    if (renamed) part(fresh, "alias").textContent = `${job.file.name} = `;
    job.row.before(fresh);
  }
  const confirm = part(fresh, "confirm");
  if (confirm) onConfirmable(fresh, confirm);
  htmx.process(fresh);
}

// The same scan twice on this page: the first row keeps its live parts, this one only points to the same result.
function markAsRepeat(fresh) {
  delete fresh.dataset.row;
  const what = fresh.querySelector(".upload-what");
  if (fresh.querySelector("[data-status]")) what.classList.add("upload-what-alone");
  for (const live of fresh.querySelectorAll("[data-status], form")) live.remove();
  if (fresh.querySelector("[data-note]")) return;
  const note = document.createElement("p");
  note.textContent = "The same image as another file in this list; that row has the result.";
  what.append(note);
}

export function addRows(rows) {
  list.append(...rows);
}

list.addEventListener("click", (event) => {
  const button = event.target.closest('[data-part="remove"]');
  if (!button) return;
  const row = button.closest(".upload-row");
  const near = row.nextElementSibling || row.previousElementSibling;
  releasePreview(row);
  row.remove();
  (near?.querySelector("a, button:not([hidden])") || byId("id_files")).focus();
});

// A status poll knows nothing of the upload, so the note about a repeated image moves over to the new row.
document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const note = event.detail.target.querySelector?.("[data-note]");
  const what = event.detail.fragment.querySelector(".upload-what");
  if (note && what && !what.querySelector("[data-note]")) what.append(note);
});
