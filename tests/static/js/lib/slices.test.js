import assert from "node:assert/strict";
import { test } from "node:test";
import { cineIndex, clampIndex, cursorLeft, profileBar, RecentlyUsed } from "../../../../static/js/lib/slices.js";

test("turning stops at both ends, cine starts again", () => {
  assert.deepEqual(
    [-3, 0, 5, 9].map((index) => clampIndex(index, 6)),
    [0, 0, 5, 5],
  );
  assert.deepEqual(
    [0, 4, 5].map((index) => cineIndex(index, 6)),
    [1, 5, 0],
  );
});

test("a bar is as high as its probability, and never invisible", () => {
  assert.deepEqual(profileBar({ probability: 0.75 }, 2), { x: 2.08, y: 0.25, width: 0.84, height: 0.75 });
  assert.equal(profileBar({ probability: 0.01 }, 0).height, 0.06);
  assert.equal(profileBar({ probability: null }, 0).height, 0.06);
});

test("the cursor is in the middle of its slice", () => {
  assert.deepEqual(
    [0, 1].map((index) => cursorLeft(index, 2)),
    ["25%", "75%"],
  );
});

test("the cache drops what was not used for longest", () => {
  const made = [];
  const cache = new RecentlyUsed(2);
  const create = (key) => {
    made.push(key);
    return key.toUpperCase();
  };
  assert.deepEqual(
    ["a", "b", "a", "c", "a", "b"].map((key) => cache.get(key, create)),
    ["A", "B", "A", "C", "A", "B"],
  );
  assert.deepEqual(made, ["a", "b", "c", "b"]);
});
