// Polling that starts and stops by itself. Each row in progress carries its id in an input.poll-id; the poller element
// exists while there is at least one such row, and the server's answer removes it when nothing is in progress.

import { byId } from "./lib/dom.js";
import { htmx } from "./lib/htmx.js";
import { isForeign } from "./lib/person.js";
import { polledIds } from "./lib/polling.js";

const QUEUE_EVERY = 10_000; // milliseconds

/** Start polling if a row is in progress and nothing polls yet. */
export function ensurePoller() {
  const template = byId("poller-template");
  if (!template || byId("poller") || !document.querySelector("input.poll-id")) return;
  document.body.append(template.content.cloneNode(true));
  htmx.process(byId("poller"));
}

document.addEventListener("htmx:configRequest", (event) => {
  if (event.target.id !== "poller") return;
  const ids = [...document.querySelectorAll("input.poll-id")].map((input) => input.value);
  event.detail.formData.delete("id");
  for (const id of polledIds(ids)) event.detail.formData.append("id", id);
});

document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.id === "poller" && document.hidden) event.preventDefault();
});

const isLost = (request) =>
  Boolean(request) && isForeign(request.responseURL, request.getResponseHeader("X-Person"), document.body.dataset);

document.addEventListener("htmx:beforeSwap", (event) => {
  if (isLost(event.detail.xhr)) event.detail.shouldSwap = false;
});

document.addEventListener("htmx:afterRequest", (event) => {
  // Once the session has ended, every answer is the login page, or for another person: go there instead of polling on,
  // unless the page has unsaved work and prevents it.
  if (!isLost(event.detail.xhr)) return;
  if (document.dispatchEvent(new Event("session:lost", { cancelable: true }))) location.reload();
});

// A row that has the focus or the keyboard's mark passes them on to the row that replaces it.
let replaced = null;

document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const row = event.detail.target.closest("[data-row]");
  if (!row || row !== event.detail.target) return;
  const focused = row.contains(document.activeElement);
  const here = row.classList.contains("here");
  if (focused || here) replaced = { id: row.dataset.row, focused, here };
});

document.addEventListener("htmx:oobAfterSwap", () => {
  if (!replaced) return;
  const row = document.querySelector(`[data-row="${replaced.id}"]`);
  if (row && replaced.here) row.classList.add("here");
  if (row && replaced.focused) row.querySelector("[data-open]")?.focus({ preventScroll: true });
  replaced = null;
});

function refreshQueue() {
  const queue = byId("queue");
  if (queue && !document.hidden) htmx.trigger(queue, "tick");
}

document.addEventListener("htmx:afterSettle", ensurePoller);
document.addEventListener("visibilitychange", refreshQueue);
setInterval(refreshQueue, QUEUE_EVERY);
ensurePoller();
