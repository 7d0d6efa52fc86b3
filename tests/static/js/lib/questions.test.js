import assert from "node:assert/strict";
import { test } from "node:test";
import { answersOf, groups, otherFile } from "../../../../static/js/lib/questions.js";

test("a file is sent once all of its images are answered, with those that have no name", () => {
  const first = { id: "1", answered: true };
  const second = { id: "2", answered: false };
  assert.deepEqual(answersOf([first, second]), { open: 1, send: null });
  assert.deepEqual(answersOf([first, { ...second, answered: true }]), { open: 0, send: ["1", "2"] });
  assert.deepEqual(answersOf([first]), { open: 0, send: ["1"] }); // the other was taken off the list
});

test("a file is not sent if every image was taken off the list", () => {
  assert.deepEqual(answersOf([]), { open: 0, send: null });
});

test("only the file that the row waits for is taken", () => {
  const row = { name: "study.zip", size: "10" };
  assert.equal(otherFile({ name: "study.zip", size: 10 }, row), null);
  assert.equal(otherFile({ name: "study.zip", size: 11 }, { name: "study.zip", size: "" }), null);
  assert.equal(otherFile({ name: "any.zip", size: 11 }, { name: "", size: "" }), null);
  assert.match(otherFile({ name: "other.zip", size: 10 }, row), /That is other\.zip\. .* study\.zip/);
  assert.notEqual(otherFile({ name: "study.zip", size: 11 }, row), null);
});

test("only files with several images are groups", () => {
  const rows = [
    { id: 1, key: "a" },
    { id: 2, key: "b" },
    { id: 3, key: "a" },
  ];
  assert.deepEqual(
    groups(rows, (row) => row.key),
    [[rows[0], rows[2]]],
  );
});
