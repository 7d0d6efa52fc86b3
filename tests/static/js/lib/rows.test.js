import assert from "node:assert/strict";
import { test } from "node:test";
import { nextIndex } from "../../../../static/js/lib/rows.js";

test("the first move goes to the near end", () => {
  assert.equal(nextIndex(-1, 1, 5), 0);
  assert.equal(nextIndex(-1, -1, 5), 4);
});

test("moving stops at both ends", () => {
  assert.deepEqual([nextIndex(0, -1, 5), nextIndex(2, 1, 5), nextIndex(4, 1, 5)], [0, 3, 4]);
});
