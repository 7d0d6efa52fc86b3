// The worklist: selecting rows, coming back to a row, and new rows that appear by themselves.

import { between, merge } from "./lib/desk.js";
import { byId, isShortcut, part } from "./lib/dom.js";
import { htmx } from "./lib/htmx.js";
import { isForeign } from "./lib/person.js";
import { ensurePoller } from "./poller.js";

const ASK_EVERY = 10_000; // milliseconds

const table = document.querySelector("table[data-fresh]");
const boxes = () => [...document.querySelectorAll('tbody input[name="id"]')];

// Selecting: shift-click selects a range, x the row that the keyboard is on.

let lastPicked = null;

function showPicked() {
  const bar = byId("bulk");
  if (!bar) return;
  const number = boxes().filter((box) => box.checked).length;
  bar.classList.toggle("picked", number > 0);
  part(bar, "picked").textContent = number ? `${number} selected` : "";
  const all = table && part(table, "pick-all");
  if (all) {
    all.checked = number > 0 && number === boxes().length;
    all.indeterminate = number > 0 && !all.checked;
  }
}

function showAssignee() {
  const action = byId("bulk-action");
  if (action) part(byId("bulk"), "assignee").hidden = action.value !== "assign";
}

document.addEventListener("click", (event) => {
  const box = event.target.closest('tbody input[name="id"]');
  if (box) {
    const listed = boxes();
    if (event.shiftKey && lastPicked?.isConnected) {
      for (const other of between(listed, lastPicked, box)) other.checked = box.checked;
    }
    lastPicked = box;
    showPicked();
  } else if (event.target.closest('[data-part="pick-all"]')) {
    for (const other of boxes()) other.checked = event.target.checked;
    showPicked();
  } else if (event.target.closest('[data-part="pick-none"]')) {
    for (const other of boxes()) other.checked = false;
    showPicked();
  }
});

// A selected row that is replaced, as when its analysis ends, stays selected.
let replaced = null;

const boxIn = (row) => row?.querySelector('input[name="id"]');

document.addEventListener("htmx:oobBeforeSwap", ({ detail }) => {
  const box = boxIn(detail.target.closest("tr[data-row]"));
  if (box) replaced = { id: box.value, checked: box.checked, last: box === lastPicked };
});

document.addEventListener("htmx:oobAfterSwap", () => {
  const box = replaced && boxIn(document.querySelector(`tr[data-row="${replaced.id}"]`));
  if (box) box.checked = replaced.checked;
  if (box && replaced.last) lastPicked = box;
  replaced = null;
  showPicked();
});

document.addEventListener("keydown", (event) => {
  if (!isShortcut(event) || document.querySelector("dialog[open]")) return;
  if (event.key === "u") document.querySelector('a[rel="next-unread"]')?.click();
  const box = event.key === "x" && document.querySelector('tr.here input[name="id"]');
  if (box) box.click();
});

byId("bulk-action")?.addEventListener("change", showAssignee);

// Coming back: the row that was opened, or the last one of a walk through the list, gets mark and focus again.

document.addEventListener("click", (event) => {
  const row = event.target.closest("[data-open]")?.closest("[data-row]");
  if (row) history.replaceState({ ...history.state, row: row.dataset.row }, "");
});

function comeBack() {
  const known = history.state?.row;
  const row = known ? document.querySelector(`tr[data-row="${known}"]`) : document.querySelector("tr.here");
  if (!row) return;
  for (const other of document.querySelectorAll("tr.here")) other.classList.remove("here");
  row.classList.add("here");
  row.querySelector("[data-open]").focus({ preventScroll: true });
  if (!known) row.scrollIntoView({ block: "center" });
}

window.addEventListener("pageshow", comeBack);

// New scans: rows are added at the top if the list shows its newest scans; otherwise a line says how many there are.

const seen = new Set([...document.querySelectorAll("[data-row]")].map((row) => row.dataset.row));

/** Add rows at the top, without moving on the screen what the reader looks at. */
function insert(rows) {
  const body = table.tBodies[0];
  const mark = document.querySelector("tr.here") ?? [...body.rows].find((row) => row.getBoundingClientRect().top >= 0);
  const before = mark?.getBoundingClientRect().top ?? 0;
  body.prepend(...rows);
  for (const row of rows) {
    row.classList.add("new");
    htmx.process(row);
  }
  if (mark) window.scrollBy({ top: mark.getBoundingClientRect().top - before, behavior: "instant" });
  ensurePoller();
  showPicked(); // not all rows are selected any more
}

let missed = 0;

function show(rows) {
  if (table.dataset.rowsCome === "yes") {
    insert(rows);
    byId("announcer").textContent = rows.length === 1 ? "1 new scan." : `${rows.length} new scans.`;
    return;
  }
  missed += rows.length;
  const line = document.querySelector('[data-part="fresh"]');
  line.hidden = false;
  line.firstElementChild.textContent = missed === 1 ? "1 new scan, show" : `${missed} new scans, show`;
}

async function ask() {
  if (document.hidden) return;
  try {
    const address = `${table.dataset.fresh}&since=${encodeURIComponent(table.dataset.shownAt)}`;
    const answer = await fetch(address, { headers: { "X-Requested-With": "XMLHttpRequest" } });
    if (!answer.ok) return;
    if (isForeign(answer.url, answer.headers.get("X-Person"), document.body.dataset)) {
      location.reload();
      return;
    }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const found = page.querySelector("table");
    table.dataset.shownAt = found.dataset.shownAt;
    const rows = merge([...found.tBodies[0].rows], seen);
    if (rows.length) show(rows.map((row) => document.adoptNode(row)));
  } catch {
    // No connection: the next request asks for everything since.
  }
}

if (table) {
  setInterval(ask, ASK_EVERY);
  document.addEventListener("visibilitychange", ask);
}
showPicked();
showAssignee();
