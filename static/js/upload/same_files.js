// Files of the name and size of others that were not sent: scanners name every patient's files alike, so a person says
// whether they are the same.

import { byId, part } from "../lib/dom.js";
import { byKey } from "../lib/questions.js";
import { claimRow, files as counted } from "../lib/uploads.js";

const dialog = byId("same-files");

/**
 * The cases whose rows `files` may take, in order; null if the person leaves the question without an answer.
 * waiting(): the rows. reference: the case in the field; with `named` a person chose it, and no other comes into question.
 */
export async function sameFiles(files, waiting, { reference, named }) {
  if (named) return [reference];
  const found = [reference, ""]; // a row without a case goes to that of the field
  let left = files;
  for (const [other, rows] of byKey(waiting(), (row) => row.reference)) {
    if (found.includes(other)) continue;
    const alike = left.filter((file) => claimRow(rows, file));
    if (!alike.length) continue;
    const answer = await ask(alike.length, other, reference);
    if (!answer) return null;
    if (answer === "new") continue;
    found.push(other);
    left = left.filter((file) => !alike.includes(file));
  }
  return found;
}

function ask(count, other, reference) {
  const have = count === 1 ? "has" : "have";
  part(dialog, "text").textContent =
    `${counted(count)} of those you chose ${have} the name and size of files that were not sent to case ${other}. ` +
    `Scanners name every patient’s files alike.`;
  part(dialog, "same").textContent = `The same files: to case ${other}`;
  part(dialog, "new").textContent = `Other files: to case ${reference}`;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener("close", () => done(dialog.returnValue), { once: true });
  });
}
