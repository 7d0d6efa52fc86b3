// Lists by keyboard and by row: j and k move, o opens, a click anywhere in a row opens it.

import { isShortcut } from "./lib/dom.js";
import { nextIndex } from "./lib/rows.js";

function move(step) {
  const rows = [...document.querySelectorAll("[data-row]")];
  if (!rows.length) return;
  const current = rows.findIndex((row) => row.classList.contains("here"));
  const next = rows[nextIndex(current, step, rows.length)];
  if (current >= 0) rows[current].classList.remove("here");
  next.classList.add("here");
  next.querySelector("[data-open]").focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if (!isShortcut(event) || document.querySelector("dialog[open]")) return;
  if (event.key === "j") move(1);
  else if (event.key === "k") move(-1);
  else if (event.key === "o") document.querySelector("[data-row].here [data-open]")?.click();
});

document.addEventListener("click", (event) => {
  const row = event.target.closest("tr[data-row]");
  if (!row || event.target.closest("a, button, form, input, label, summary") || getSelection().toString()) return;
  const link = row.querySelector("[data-open]");
  if (event.ctrlKey || event.metaKey) window.open(link.href, "_blank", "noopener");
  else link.click();
});
