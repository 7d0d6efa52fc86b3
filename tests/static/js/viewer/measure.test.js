import assert from "node:assert/strict";
import { test } from "node:test";
import { distance, inWords, Measurements, UNKNOWN } from "../../../../static/js/viewer/measure.js";

test("a distance is measured in the patient, also where pixels are not square", () => {
  assert.equal(distance({ x: 0, y: 0 }, { x: 0.3, y: 0.2 }, [100, 200]), 50);
  assert.equal(inWords(distance({ x: 0.1, y: 0.5 }, { x: 0.2, y: 0.5 }, [240, 240])), "24.0 mm");
});

test("without a spacing there is no number", () => {
  assert.equal(distance({ x: 0, y: 0 }, { x: 1, y: 1 }, null), null);
  assert.equal(inWords(null), UNKNOWN);
  assert.ok(!/\d/.test(UNKNOWN));
});

test("measurements belong to their slice, and the last one is taken back first", () => {
  const kept = new Measurements();
  kept.add(3, 1, 2);
  kept.add(3, 4, 5);
  assert.deepEqual(kept.on(3), [
    { a: 1, b: 2 },
    { a: 4, b: 5 },
  ]);
  kept.undo(3);
  assert.deepEqual([kept.on(3), kept.on(4)], [[{ a: 1, b: 2 }], []]);
  kept.clear();
  assert.deepEqual(kept.on(3), []);
});
