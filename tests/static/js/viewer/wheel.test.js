import assert from "node:assert/strict";
import { test } from "node:test";
import { Wheel, zoomFactor } from "../../../../static/js/viewer/wheel.js";

const turn = (wheel, deltaY, { deltaMode = 0, at = 0 } = {}) => wheel.turn({ deltaMode, deltaY, timeStamp: at });

test("one notch is one slice, in whatever unit a browser counts it", () => {
  for (const deltaY of [53, 100, 120, 150]) assert.equal(turn(new Wheel(), deltaY), 1, `${deltaY} pixels`);
  for (const deltaY of [1, 3]) assert.equal(turn(new Wheel(), deltaY, { deltaMode: 1 }), 1, `${deltaY} lines`);
  assert.equal(turn(new Wheel(), 1, { deltaMode: 2 }), 1);
  assert.equal(turn(new Wheel(), -100), -1);
});

test("several notches that a browser reports together are as many slices", () => {
  assert.equal(turn(new Wheel(), 240), 2);
  assert.equal(turn(new Wheel(), -9, { deltaMode: 1 }), -3);
});

test("small steps of a touchpad add up", () => {
  const wheel = new Wheel();
  assert.deepEqual(
    [10, 10, 10, 10, 30].map((deltaY) => turn(wheel, deltaY)),
    [0, 0, 0, 1, 0],
  );
});

test("what was left over is forgotten after a pause, and when the direction changes", () => {
  const paused = new Wheel();
  turn(paused, 30, { at: 0 });
  assert.equal(turn(paused, 30, { at: 1000 }), 0);
  const turned = new Wheel();
  turn(turned, 30);
  assert.equal(turn(turned, -39), 0);
});

test("sideways movement turns nothing", () => {
  assert.equal(turn(new Wheel(), 0), 0);
});

test("a notch up enlarges, a notch down undoes it, and a pinch is continuous", () => {
  const factor = (deltaY) => zoomFactor({ deltaMode: 0, deltaY });
  assert.equal(factor(-100), 1.2);
  assert.ok(Math.abs(factor(-100) * factor(100) - 1) < 1e-12);
  assert.ok(factor(-5) > 1 && factor(-5) < 1.06);
});
