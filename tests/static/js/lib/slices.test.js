import assert from "node:assert/strict";
import { test } from "node:test";
import {
  boxLayout,
  cineIndex,
  clampIndex,
  cursorLeft,
  prefetchOrder,
  previewUrl,
  profileBar,
  RecentlyUsed,
  stepOfKey,
  Wheel,
} from "../../../../static/js/lib/slices.js";

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

test("slices in the direction of travel are fetched first", () => {
  assert.deepEqual(prefetchOrder(10, 1, 40), [11, 12, 13, 14, 15, 16, 9, 8]);
  assert.deepEqual(prefetchOrder(10, -1, 40), [9, 8, 7, 6, 5, 4, 11, 12]);
  assert.deepEqual(prefetchOrder(0, -1, 3), [1, 2]);
});

test("only four keys turn slices", () => {
  assert.deepEqual(["ArrowUp", "ArrowDown", "PageUp", "PageDown", "Enter"].map(stepOfKey), [-1, 1, -10, 10, undefined]);
});

test("small movements of a touchpad add up to slices", () => {
  const wheel = new Wheel();
  const turns = [30, 30, 30, -50, -80].map((deltaY) => wheel.turn({ deltaMode: 0, deltaY }));
  assert.deepEqual(turns, [0, 1, 1, -1, -2]);
  assert.equal(new Wheel().turn({ deltaMode: 1, deltaY: 3 }), 3);
});

test("a window is asked for only if one is chosen", () => {
  assert.equal(previewUrl({ preview: "/slices/1/preview/" }, ""), "/slices/1/preview/");
  assert.equal(previewUrl({ preview: "/slices/1/preview/" }, undefined), "/slices/1/preview/");
  assert.equal(previewUrl({ preview: "/slices/1/preview/" }, "full"), "/slices/1/preview/?window=full");
});

test("a bar is as high as its probability, and never invisible", () => {
  assert.deepEqual(profileBar({ probability: 0.75 }, 2), { x: 2.08, y: 0.25, width: 0.84, height: 0.75 });
  assert.equal(profileBar({ probability: 0.01 }, 0).height, 0.06);
  assert.equal(profileBar({ probability: null }, 0).height, 0.06);
});

test("the cursor stands in the middle of its slice", () => {
  assert.deepEqual(
    [0, 1].map((index) => cursorLeft(index, 2)),
    ["25%", "75%"],
  );
});

test("a box is placed in percent, and its caption where there is room", () => {
  const { style, ...caption } = boxLayout([0.6, 0.05, 0.1234567, 0.5]);
  assert.deepEqual(style, { left: "60.00%", top: "5.00%", width: "12.35%", height: "50.00%" });
  assert.deepEqual(caption, { captionBelow: true, captionRight: true });
  assert.deepEqual(boxLayout([0.5, 0.12, 0.1, 0.1]).captionBelow, false);
  assert.deepEqual(boxLayout([0.5, 0.12, 0.1, 0.1]).captionRight, false);
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
