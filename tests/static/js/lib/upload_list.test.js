import assert from "node:assert/strict";
import { test } from "node:test";
import { merged } from "../../../../static/js/lib/upload_list.js";

/** A row: "a" is the page's own of file a; "a1" is the first that the site lists of it. */
const row = (name, state) => ({ name, dataset: { key: name[0], row: name.slice(1) || undefined, state } });

const names = (own, read, changed = []) => merged(own, read, new Set(changed)).map(({ name }) => name);

test("the site's list replaces what it once listed", () => {
  assert.deepEqual(names([row("a1", "waiting"), row("b1", "taken")], [row("a1", "taken"), row("a2", "taken")]), [
    "a1",
    "a2",
  ]);
});

test("a file that is being sent keeps its own row, in the place that the list gives it", () => {
  const read = [row("c1", "taken"), row("a1", "waiting"), row("b1", "taken")];
  assert.deepEqual(names([row("a", "here")], read), ["c1", "a", "b1"]);
  assert.deepEqual(names([row("a", "here")], [row("a1", "taken")]), ["a"]); // it is sent again
});

test("one that the list does not know yet comes first", () => {
  assert.deepEqual(names([row("a", "here")], [row("b1", "taken")]), ["a", "b1"]);
});

test("a failed request stays until the list has an answer for its file", () => {
  const failed = [row("a", "refused")];
  assert.deepEqual(names(failed, [row("a1", "waiting")]), ["a"]);
  assert.deepEqual(names(failed, [row("a1", "taken")]), ["a1"]);
  assert.deepEqual(names(failed, [row("a1", "taken"), row("a2", "asks")]), ["a"]);
});

test("what was answered or dismissed since the list was read is as the page has it", () => {
  const read = [row("a1", "asks"), row("a2", "asks"), row("b1", "waiting")];
  assert.deepEqual(names([row("a3", "taken"), row("b1", "waiting")], read, ["a"]), ["a3", "b1"]);
  assert.deepEqual(names([row("b1", "waiting")], read, ["a"]), ["b1"]);
});
