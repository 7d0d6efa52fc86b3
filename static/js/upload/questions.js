// Answers to the images in which there may be a name: the file is sent again once all of its images are answered.

import { byId, part } from "../lib/dom.js";
import { answersOf, groups, otherFile } from "../lib/questions.js";

const list = byId("uploads");
const picker = byId("id_again");

const rowsOf = (key) => [...list.querySelectorAll(`.upload-asks[data-key="${key}"]`)];

/** `send(key, rows, ids)`: all images of a file are answered, those with these ids have no name. `choose(row, file)`:
 * the user has chosen the file of a row again. */
export function watch({ send, choose }) {
  list.addEventListener("click", (event) => {
    const button = event.target.closest("[data-part]");
    const row = button?.closest(".upload-row");
    if (button?.dataset.part === "confirm") answer([row], send);
    else if (button?.dataset.part === "confirm-all") answer(rowsOf(row.dataset.key), send);
    else if (button?.dataset.part === "choose") pick(row, (file) => choose(row, file));
  });
}

function answer(rows, send) {
  for (const row of rows) part(row, "confirm").setAttribute("aria-pressed", "true");
  settle(rows[0].dataset.key, send);
}

/** A question was answered or its row removed: send the file if no question is left. */
export function settle(key, send) {
  const rows = rowsOf(key);
  const answered = (row) => part(row, "confirm").getAttribute("aria-pressed") === "true";
  const found = answersOf(rows.map((row) => ({ id: row.dataset.row, answered: answered(row) })));
  if (found.send) send(key, rows, found.send);
  else showAll();
}

/** The first of several images of a file offers to answer for all of them. */
export function showAll() {
  for (const old of list.querySelectorAll('[data-part="confirm-all"]')) old.remove();
  for (const [first, ...others] of groups(list.querySelectorAll(".upload-asks"), (row) => row.dataset.key)) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button button-small";
    button.dataset.part = "confirm-all";
    button.textContent = `No name in all ${others.length + 1} images of ${first.dataset.name}`;
    first.querySelector(".upload-done").prepend(button);
  }
}

/** Lets the user choose a row's file; `take` gets it if it is that file. */
export function pick(row, take) {
  picker.onchange = () => {
    const [file] = picker.files;
    picker.value = "";
    if (!file) return;
    const wrong = otherFile(file, row.dataset);
    if (wrong) say(row, wrong);
    else take(file);
  };
  picker.click();
}

function say(row, text) {
  const line = part(row, "wrong-file") || document.createElement("p");
  line.dataset.part = "wrong-file";
  line.className = "problem";
  line.setAttribute("role", "alert");
  line.textContent = text;
  row.querySelector(".upload-what").append(line);
}
