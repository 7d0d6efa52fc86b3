import assert from "node:assert/strict";
import { test } from "node:test";
import {
  bounds,
  choices,
  dragged,
  firstChoice,
  isFixed,
  table,
  tableKey,
  words,
} from "../../../../static/js/viewer/window.js";

const SLICE = {
  bits: 16,
  offset: -100,
  step: 2,
  range: [-100, 1500],
  auto: [0, 1000],
  windows: [
    [100, 900],
    [400, 500],
  ],
  inverted: false,
};
const PLAIN = { ...SLICE, windows: [] };
const level = (colors, sample) => colors[sample] & 0xff;

test("a file's windows are offered first, and others for every scan", () => {
  assert.deepEqual(
    choices(SLICE).map(({ value }) => value),
    ["file-0", "file-1", "auto", "full", "narrow", "dark"],
  );
  assert.equal(choices(PLAIN).length, 4);
});

test("a reader's last choice is the first one where there is one like it", () => {
  assert.equal(firstChoice(SLICE, null), "file-0");
  assert.equal(firstChoice(SLICE, "full"), "full");
  assert.equal(firstChoice(PLAIN, "file-0"), "auto");
  assert.equal(firstChoice(PLAIN, "own"), "auto");
});

test("choices become bounds", () => {
  assert.deepEqual(
    ["file-1", "file-9", "auto", "full", "narrow", "dark"].map((choice) => bounds(choice, SLICE)),
    [
      [400, 500],
      [100, 900],
      [0, 1000],
      [-100, 1500],
      [250, 750],
      [0, 400],
    ],
  );
  assert.deepEqual(bounds("file-0", PLAIN), [0, 1000]);
});

test("a flat slice has bounds apart from each other", () => {
  const flat = { ...PLAIN, range: [7, 7], auto: [7, 7] };
  for (const { value } of choices(flat)) {
    const [low, high] = bounds(value, flat);
    assert.ok(high > low, value);
  }
});

test("only the windows of the file differ from slice to slice", () => {
  assert.ok(isFixed("auto") && isFixed("own") && !isFixed("file-0"));
});

test("to the right is wider, upwards is brighter, and a window never closes", () => {
  assert.deepEqual(dragged([0, 1000], { x: 40, y: 0 }, SLICE), [-50, 1050]);
  assert.deepEqual(dragged([0, 1000], { x: 0, y: -40 }, SLICE), [-100, 900]);
  const [low, high] = dragged([0, 1000], { x: -99_999, y: 0 }, SLICE);
  assert.equal(high - low, 2);
});

test("samples become gray levels through offset and step", () => {
  const colors = table([100, 900], SLICE, false);
  assert.equal(colors.length, 65_536);
  assert.equal(level(colors, 100), 0); // 100
  assert.equal(level(colors, 300), 127); // 500
  assert.equal(level(colors, 500), 255); // 900
  assert.equal(level(colors, 0), 0);
  assert.equal(level(colors, 65_535), 255);
  assert.equal(colors[300], 0xff7f7f7f);
});

test("inverting twice is not inverting", () => {
  const low = { ...SLICE, inverted: true };
  assert.equal(level(table([100, 900], SLICE, true), 100), 255);
  assert.equal(level(table([100, 900], low, false), 100), 255);
  assert.equal(level(table([100, 900], low, true), 100), 0);
  assert.equal(tableKey([1, 2], low, true), tableKey([1, 2], SLICE, false));
});

test("eight bits need a small table", () => {
  const image = { ...SLICE, bits: 8, offset: 0, step: 1 };
  const colors = table([0, 255], image, false);
  assert.deepEqual(
    [...colors].map((color) => color & 0xff),
    [...Array(256).keys()],
  );
});

test("a window in words has the digits that count", () => {
  assert.equal(words([100, 900]), "C 500 W 800");
  assert.equal(words([0, 0.25]), "C 0.125 W 0.25");
  assert.equal(words([0, 1799, 900, 1800]), "C 900 W 1800");
});
