import assert from "node:assert/strict";
import { test } from "node:test";
import { centered, storedOpacity } from "../../../../static/js/lib/zoom.js";

const STAGE = { scrollWidth: 800, scrollHeight: 600, clientWidth: 400, clientHeight: 300 };

test("zooming leads to the box", () => {
  assert.deepEqual(centered(STAGE, { left: 500, top: 100, width: 100, height: 50 }), { left: 350, top: -25 });
});

test("without a box zooming leads to the middle", () => {
  assert.deepEqual(centered(STAGE, null), { left: 200, top: 150 });
  assert.deepEqual(centered(STAGE, false), { left: 200, top: 150 });
});

test("a stored opacity counts only from 0 to 100", () => {
  assert.deepEqual(["0", "55", "100"].map(storedOpacity), [0, 55, 100]);
  assert.deepEqual(["-5", "101", "much", null, ""].map(storedOpacity), [null, null, null, null, null]);
});
