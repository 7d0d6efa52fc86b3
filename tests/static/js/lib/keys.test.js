import assert from "node:assert/strict";
import { test } from "node:test";
import { newKey } from "../../../../static/js/lib/keys.js";

test("a key is a random UUID of version 4", () => {
  assert.equal(newKey(new Uint8Array(16).fill(255)), "ffffffff-ffff-4fff-bfff-ffffffffffff");
  assert.equal(newKey(new Uint8Array(16)), "00000000-0000-4000-8000-000000000000");
  assert.notEqual(newKey(), newKey());
});
