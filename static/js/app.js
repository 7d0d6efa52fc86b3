// What every page does: theme switch, toasts, shortcuts, menus, and the poller.

import { byId, isShortcut } from "./lib/dom.js";
import { write } from "./lib/storage.js";
import "./missing_images.js";
import "./poller.js";

const TOAST_FOR = 7000; // milliseconds
const SENT_FOR = 10000; // milliseconds after which a form may be sent again, if its answer did not come

function showTheme() {
  const theme = document.documentElement.dataset.theme || "system";
  for (const button of document.querySelectorAll("[data-set-theme]")) {
    button.setAttribute("aria-pressed", String(button.dataset.setTheme === theme));
  }
}

function setTheme(theme) {
  write("theme", theme === "system" ? null : theme);
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  showTheme();
}

// Success messages disappear by themselves; warnings and errors stay until they are closed.
function startToastTimers() {
  for (const toast of document.querySelectorAll(".toast:not([data-timed])")) {
    toast.dataset.timed = "";
    if (!toast.matches(".toast-error, .toast-warning")) setTimeout(() => toast.remove(), TOAST_FOR);
  }
}

document.addEventListener("keydown", (event) => {
  if (!isShortcut(event)) return;
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
});

// A second click before the first is answered would send the form again: what the first answer shows only once is lost.
// data-stays: answers with a file, so the page stays.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post" || "stays" in form.dataset) return;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "yes";
  setTimeout(() => delete form.dataset.sent, SENT_FOR);
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// A button that changes something and whose request fails would seem to do nothing.
for (const failed of ["htmx:responseError", "htmx:sendError"]) {
  document.addEventListener(failed, ({ detail }) => {
    if (detail.requestConfig.verb !== "get") byId("toasts").append(byId("failed-toast").content.cloneNode(true));
  });
}

document.addEventListener("htmx:afterSettle", startToastTimers);
showTheme();
startToastTimers();
