import assert from "node:assert/strict";
import { test } from "node:test";
import {
  between,
  FIT,
  inside,
  MOST_ZOOM,
  panned,
  pinch,
  rectangle,
  toImage,
  toStage,
  zoomedAt,
} from "../../../../static/js/viewer/geometry.js";

const STAGE = { width: 800, height: 400 };

test("at first the image fits, in the middle", () => {
  assert.deepEqual(rectangle(FIT, STAGE, 1), { left: 200, top: 0, width: 400, height: 400 });
  assert.deepEqual(rectangle(FIT, STAGE, 4), { left: 0, top: 100, width: 800, height: 200 });
});

test("points of stage and image lead to each other", () => {
  const rect = rectangle({ zoom: 3, x: 0.2, y: 0.9 }, STAGE, 1.5);
  const point = toStage({ x: 0.25, y: 0.75 }, rect);
  const back = toImage(point, rect);
  assert.ok(Math.abs(back.x - 0.25) < 1e-12 && Math.abs(back.y - 0.75) < 1e-12);
  assert.deepEqual(inside({ x: -1, y: 1.5 }), { x: 0, y: 1 });
});

test("what lies under the pointer stays there while the image is enlarged", () => {
  let view = FIT;
  const point = { x: 290, y: 130 };
  const under = toImage(point, rectangle(view, STAGE, 1));
  for (const factor of [1.3, 2, 0.7, 1.01]) view = zoomedAt(view, factor, point, STAGE, 1);
  const after = toImage(point, rectangle(view, STAGE, 1));
  assert.ok(Math.abs(after.x - under.x) < 1e-9 && Math.abs(after.y - under.y) < 1e-9);
  assert.ok(Math.abs(view.zoom - 1.3 * 2 * 0.7 * 1.01) < 1e-9);
});

test("zoom ends at both ends", () => {
  assert.equal(zoomedAt(FIT, 1e6, { x: 0, y: 0 }, STAGE, 1).zoom, MOST_ZOOM);
  assert.equal(zoomedAt(FIT, 1e-6, { x: 0, y: 0 }, STAGE, 1).zoom, 0.5);
});

test("the image follows a drag, and never leaves the stage", () => {
  const view = panned({ zoom: 2, x: 0.5, y: 0.5 }, { x: 80, y: -40 }, STAGE, 1);
  assert.ok(Math.abs(view.x - 0.4) < 1e-12 && Math.abs(view.y - 0.55) < 1e-12);
  assert.deepEqual(panned(view, { x: 9999, y: -9999 }, STAGE, 1), { zoom: 2, x: 0, y: 1 });
});

test("a box may be drawn from any corner", () => {
  assert.deepEqual(between({ x: 0.8, y: 0.1 }, { x: 0.2, y: 0.4 }), [0.2, 0.1, 0.8, 0.4]);
});

test("two fingers have a distance, also on one spot", () => {
  assert.deepEqual(pinch({ x: 0, y: 0 }, { x: 6, y: 8 }), { distance: 10, x: 3, y: 4 });
  assert.equal(pinch({ x: 1, y: 1 }, { x: 1, y: 1 }).distance, 1);
});
