import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_POLLED, polledIds } from "../../../../static/js/lib/polling.js";

test("each id is asked for once, in page order", () => {
  assert.deepEqual(polledIds(["3", "1", "3", "2"]), ["3", "1", "2"]);
});

test("one request asks for the first 200", () => {
  const ids = Array.from({ length: 300 }, (_, number) => String(number));
  assert.equal(MAX_POLLED, 200);
  assert.deepEqual(polledIds(ids), ids.slice(0, 200));
});
