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

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.shiftKey || !isShortcut(event) || document.querySelector("dialog[open]")) return;
  const rel = KEYS[event.key];
  if (rel) document.querySelector(`a[rel="${rel}"]`)?.click();
});
