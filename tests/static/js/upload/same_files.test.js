import assert from "node:assert/strict";
import { test } from "node:test";

// The dialog of the page: what it says, and the answers that a person gives one after the other.
const texts = {};
let answers = [];
const dialog = Object.assign(new EventTarget(), {
  querySelector: (selector) => {
    const name = selector.match(/"(.+)"/)[1];
    texts[name] ??= {};
    return texts[name];
  },
  showModal: () => {
    dialog.returnValue = answers.shift();
    queueMicrotask(() => dialog.dispatchEvent(new Event("close")));
  },
});
globalThis.document = { getElementById: () => dialog };
const { sameFiles } = await import("../../../../static/js/upload/same_files.js");

const FILES = [
  { name: "IM1", size: 10 },
  { name: "IM2", size: 20 },
];
const waits = (reference, ...files) => files.map((file) => ({ ...file, size: String(file.size), reference }));

/** What is found among rows that wait, and how many questions that took. */
async function found(rows, given, { named = false } = {}) {
  answers = [...given];
  const cases = await sameFiles(FILES, () => rows, { reference: "NEW", named });
  return [cases, given.length - answers.length];
}

test("nobody is asked about rows of the case itself, or of none, or where a person has named the case", async () => {
  assert.deepEqual(await found(waits("NEW", ...FILES), []), [["NEW", ""], 0]);
  assert.deepEqual(await found(waits("", ...FILES), []), [["NEW", ""], 0]);
  assert.deepEqual(await found(waits("OLD", ...FILES), [], { named: true }), [["NEW"], 0]);
});

test("a file of another name or size is no question", async () => {
  assert.deepEqual(await found(waits("OLD", { name: "IM1", size: 11 }, { name: "IM3", size: 10 }), []), [
    ["NEW", ""],
    0,
  ]);
});

test("a person says whether they are the files of another case", async () => {
  assert.deepEqual(await found(waits("OLD", ...FILES), ["same"]), [["NEW", "", "OLD"], 1]);
  assert.match(texts.text.textContent, /^2 files of those you chose have .* case OLD\./);
  assert.deepEqual(await found(waits("OLD", FILES[0]), ["new"]), [["NEW", ""], 1]);
  assert.match(texts.text.textContent, /^1 file of those you chose has /);
});

test("no answer is none, for all of them", async () => {
  assert.deepEqual(await found(waits("OLD", ...FILES), [""]), [null, 1]);
});

test("files that a case has are not asked about for the next one", async () => {
  const rows = [...waits("ONE", FILES[0]), ...waits("TWO", FILES[0]), ...waits("THREE", FILES[1])];
  assert.deepEqual(await found(rows, ["same", "same"]), [["NEW", "", "ONE", "THREE"], 2]);
  assert.deepEqual(await found(rows, ["new", "same", "new"]), [["NEW", "", "TWO"], 3]);
});
