import assert from "node:assert/strict";
import { test } from "node:test";
import { droppedFiles } from "../../../../static/js/upload/folders.js";

const file = (name) => ({ name, isFile: true, isDirectory: false, file: (resolve) => resolve({ name }) });

/** A folder whose entries a browser gives a few at a time. */
function folder(name, entries, { atOnce = 2 } = {}) {
  const createReader = () => {
    let read = 0;
    return {
      readEntries: (resolve) => {
        resolve(entries.slice(read, read + atOnce));
        read += atOnce;
      },
    };
  };
  return { name, isFile: false, isDirectory: true, createReader };
}

const dropped = async (...entries) => {
  const items = entries.map((entry) => ({ webkitGetAsEntry: () => entry }));
  const found = await droppedFiles({ items, files: entries.map(({ name }) => ({ name })) });
  return found.map(({ name }) => name);
};

test("a folder's files come with those of the folders in it, however many a browser reads at once", async () => {
  const deep = folder("deep", [file("3"), file("4"), file("5")]);
  assert.deepEqual(await dropped(file("0"), folder("study", [file("1"), file("2"), deep])), [
    "0",
    "1",
    "2",
    "3",
    "4",
    "5",
  ]);
});

test("clutter in a folder is left out, and whole folders of it", async () => {
  const study = folder("study", [file(".DS_Store"), file("scan.png"), folder("__MACOSX", [file("._scan.png")])]);
  assert.deepEqual(await dropped(study), ["scan.png"]);
});

test("files that are dropped without a folder are taken as they are", async () => {
  assert.deepEqual(await dropped(file("a.png"), file("DICOMDIR")), ["a.png", "DICOMDIR"]);
});

test("a folder that cannot be read is an error, not a shorter list", async () => {
  const broken = {
    ...folder("study", []),
    createReader: () => ({ readEntries: (_, reject) => reject(new Error("gone")) }),
  };
  await assert.rejects(dropped(file("1"), broken), /gone/);
});
