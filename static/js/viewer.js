// The viewer of a result's page.

import { isShortcut } from "./lib/dom.js";
import { open } from "./viewer/open.js";

let opened = null;

function start() {
  const figure = document.querySelector("[data-viewer]");
  if (!figure || opened?.viewer.figure === figure) return;
  opened?.close();
  opened = open(figure);
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-slice]");
  if (!link || !opened || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  opened.viewer.strip.stop();
  opened.viewer.show(Number(link.dataset.slice));
});

const TURNS = { j: "next", ArrowRight: "next", k: "prev", ArrowLeft: "prev" };

document.addEventListener("keydown", (event) => {
  if (!isShortcut(event) || event.shiftKey || document.querySelector("dialog[open]")) return;
  const turn = TURNS[event.key];
  if (turn) document.querySelector(`a[rel="${turn}"]`)?.click();
});

document.addEventListener("htmx:afterSettle", start); // a result that arrives on the open page
start();
