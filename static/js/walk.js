// Walking from result to result by keyboard: n, j and → to the next, p, k and ← to the previous, u to the next unread
// one, l back to the list.

import { isShortcut } from "./lib/dom.js";

const KEYS = {
  n: "next",
  j: "next",
  ArrowRight: "next",
  p: "prev",
  k: "prev",
  ArrowLeft: "prev",
  u: "next-unread",
  l: "up",
};

let leaving = false; // for another result: keys typed ahead are not about the one that is still on view

window.addEventListener("pageshow", () => {
  leaving = false;
});

// In the capture phase, before the shortcuts of the viewer and the reading panel.
document.addEventListener(
  "keydown",
  (event) => {
    if (event.key === "Escape") leaving = false; // it stops the browser's loading
    if (leaving && isShortcut(event)) event.stopImmediatePropagation();
  },
  true,
);

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.shiftKey || !isShortcut(event) || document.querySelector("dialog[open]")) return;
  const link = document.querySelector(`a[rel="${KEYS[event.key]}"]`);
  link?.click();
});

// By key or by mouse; with a modifier it opens elsewhere.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[rel]");
  if (!link || !Object.values(KEYS).includes(link.rel)) return;
  leaving ||= !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
});
