// Images that ask whether their text is a name. Those of one file are answered together, because it is sent once.

/**
 * What to do about the questions of one file. rows: [{ id, answered }] of its images that are still on the list.
 * `send`: ids of the images without a name, once all are answered; else null. `open`: how many are not.
 */
export function answersOf(rows) {
  const open = rows.filter((row) => !row.answered).length;
  return { open, send: rows.length && !open ? rows.map((row) => row.id) : null };
}

/** Why a chosen file is not the one that a row waits for; null if it is, or if the row does not know its file's name. */
export function otherFile(file, { name, size }) {
  if (!name || (file.name === name && (!size || Number(size) === file.size))) return null;
  return `That is ${file.name}. This row waits for ${name}; choose that file.`;
}

/** The rows of each file that has several, by its key. keyOf(row): the key of its file. */
export const groups = (rows, keyOf) => [...byKey(rows, keyOf).values()].filter((some) => some.length > 1);

/** The items of each key, in order. */
export function byKey(items, keyOf) {
  const found = new Map();
  for (const item of items) {
    if (!found.has(keyOf(item))) found.set(keyOf(item), []);
    found.get(keyOf(item)).push(item);
  }
  return found;
}
