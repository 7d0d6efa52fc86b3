// Rows of the upload list, by what their `dataset` says: `key` of their file, `row` in the site's list (the page's own rows
// have none) and `state`.

import { byKey } from "./questions.js";

export const keyOf = (row) => row.dataset.key;

/** Whether a row still waits for its file, or for an answer. */
export const isOpen = (row) => ["waiting", "asks"].includes(row.dataset.state);

/**
 * The rows to show after the site's list was read. The page's own stay for what it knows better: files being sent, or
 * whose request failed unless the list has their answer, and those with a key in `changed`, which were answered or
 * dismissed since the list was read. They keep their place in the list, or come first.
 */
export function merged(own, read, changed) {
  const open = new Set(read.filter(isOpen).map(keyOf));
  const answered = new Set(read.map(keyOf).filter((key) => !open.has(key)));
  const isBetter = ({ key, row, state }) => key && !row && !(state === "refused" && answered.has(key));
  const better = own.filter((row) => changed.has(keyOf(row)) || isBetter(row.dataset));
  const left = byKey(better, keyOf);
  const keys = new Set([...changed, ...left.keys()]);
  const shown = read.flatMap((row) => {
    if (!keys.has(keyOf(row))) return row;
    const mine = left.get(keyOf(row)) || [];
    left.delete(keyOf(row));
    return mine;
  });
  return [...[...left.values()].flat(), ...shown];
}
