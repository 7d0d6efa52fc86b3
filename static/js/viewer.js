// The viewer of a result's page.

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

document.addEventListener("htmx:afterSettle", start); // a result that arrives on the open page
start();
