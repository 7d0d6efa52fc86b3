// What every page does: theme, menus, keys, toasts, and the polling that starts and stops by itself.
"use strict";

const byId = (id) => document.getElementById(id);
const typing = (target) => target.closest("input, select, textarea, [contenteditable]") !== null;

/* theme */
function showTheme() {
  const theme = document.documentElement.dataset.theme || "system";
  for (const button of document.querySelectorAll("[data-set-theme]")) {
    button.setAttribute("aria-pressed", String(button.dataset.setTheme === theme));
  }
}

function setTheme(theme) {
  try {
    if (theme === "system") localStorage.removeItem("theme");
    else localStorage.setItem("theme", theme);
  } catch (error) {
    // storage is blocked: the choice holds for this page
  }
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  showTheme();
}

/* toasts: good news leaves by itself, the rest stays until it is closed */
function tendToasts() {
  for (const toast of document.querySelectorAll(".toast:not([data-tended])")) {
    toast.dataset.tended = "";
    if (!toast.matches(".toast-error, .toast-warning")) setTimeout(() => toast.remove(), 7000);
  }
}

/* polling: rows in progress carry their id in an input.poll-id; the poller exists while there is one */
const MOST_POLLED = 200;

function ensurePoller() {
  const template = byId("poller-template");
  if (!template || byId("poller") || !document.querySelector("input.poll-id")) return;
  document.body.append(template.content.cloneNode(true));
  htmx.process(byId("poller"));
}

document.addEventListener("htmx:configRequest", (event) => {
  if (event.target.id !== "poller") return;
  const ids = [...document.querySelectorAll("input.poll-id")].map((input) => input.value);
  event.detail.formData.delete("id");
  for (const id of [...new Set(ids)].slice(0, MOST_POLLED)) event.detail.formData.append("id", id);
});

document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.id === "poller" && document.hidden) event.preventDefault();
});

document.addEventListener("htmx:afterRequest", (event) => {
  // A session that ended answers with the login page; go there instead of asking on.
  const address = event.detail.xhr && event.detail.xhr.responseURL;
  if (address && new URL(address).pathname === document.body.dataset.login) location.reload();
});

/* a row that is replaced under the keyboard hands its place to the new one */
let replaced = null;

document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const row = event.detail.target.closest("[data-row]");
  if (!row || row !== event.detail.target) return;
  const held = row.contains(document.activeElement);
  if (held || row.classList.contains("here")) replaced = { id: row.dataset.row, held, here: row.classList.contains("here") };
});

document.addEventListener("htmx:oobAfterSwap", () => {
  if (!replaced) return;
  const row = document.querySelector(`[data-row="${replaced.id}"]`);
  if (row && replaced.here) row.classList.add("here");
  if (row && replaced.held) row.querySelector("[data-open]")?.focus({ preventScroll: true });
  replaced = null;
});

document.addEventListener("htmx:afterSettle", () => {
  ensurePoller();
  tendToasts();
});

function tick() {
  const queue = byId("queue");
  if (queue && !document.hidden) htmx.trigger(queue, "tick");
}

/* keys */
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (event.key === "/") {
    const search = byId("search");
    if (!search) return;
    event.preventDefault();
    search.focus();
    search.select();
  } else if (event.key === "?") {
    const keys = byId("keys");
    if (keys && !keys.open) keys.showModal();
  }
});

/* menus close on Escape and on a click elsewhere */
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
  const theme = event.target.closest("[data-set-theme]");
  if (theme) setTheme(theme.dataset.setTheme);
  const close = event.target.closest("[data-close]");
  if (close) close.closest(close.dataset.close).remove();
  const opener = event.target.closest("[data-open-dialog]");
  if (opener) byId(opener.dataset.openDialog).showModal();
  const back = event.target.closest("[data-back]");
  if (back) history.back();
  const copy = event.target.closest("[data-copy]");
  if (copy) navigator.clipboard?.writeText(copy.dataset.copy);
});

document.addEventListener("visibilitychange", tick);
document.addEventListener("DOMContentLoaded", () => {
  showTheme();
  tendToasts();
  ensurePoller();
  setInterval(tick, 10000);
});
