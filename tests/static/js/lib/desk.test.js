import assert from "node:assert/strict";
import { test } from "node:test";
import { between, merge } from "../../../../static/js/lib/desk.js";

test("a range goes from one item to the other, in either direction, with both ends", () => {
  const items = ["a", "b", "c", "d"];
  assert.deepEqual(between(items, "b", "d"), ["b", "c", "d"]);
  assert.deepEqual(between(items, "d", "b"), ["b", "c", "d"]);
  assert.deepEqual(between(items, "c", "c"), ["c"]);
});

test("a range whose start has left the list is its end alone", () => {
  assert.deepEqual(between(["a", "b"], "gone", "b"), ["b"]);
});

test("rows that are known are left out, and new ones are known from then on", () => {
  const row = (id) => ({ dataset: { row: id } });
  const seen = new Set(["1"]);
  assert.deepEqual(merge([row("3"), row("2"), row("1")], seen), [row("3"), row("2")]);
  assert.deepEqual(merge([row("4"), row("3")], seen), [row("4")]);
});
