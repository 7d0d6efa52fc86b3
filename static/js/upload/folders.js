// The files of dropped folders.

import { isClutter } from "../lib/uploads.js";

/** The files that a drop brought, those of folders included. */
export async function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  return (await Promise.all(entries.map(filesWithin))).flat();
}

async function filesWithin(entry) {
  if (isClutter(entry.name)) return [];
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // at most a hundred a call
    if (!some.length) return (await Promise.all(found.map(filesWithin))).flat();
    found.push(...some);
  }
}
