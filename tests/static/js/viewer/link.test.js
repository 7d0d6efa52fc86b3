import assert from "node:assert/strict";
import { test } from "node:test";
import { carried, linkedBy, linkedIndex, SAID, shiftedIndex } from "../../../../static/js/viewer/link.js";

function stack(count, { spacing = 5, from = 0, normal = [0, 0, 1], frame = "f", plane = "axial" } = {}) {
  const slices = Array.from({ length: count }, (_, at) => ({ along: spacing === null ? null : from + spacing * at }));
  return { slices, normal, frame, plane };
}

test("stacks of one frame of reference are linked by position", () => {
  const [a, b] = [stack(20), stack(81, { spacing: 1, from: 10 })];
  assert.equal(linkedBy(a, b), "position");
  assert.equal(linkedIndex(4, a, b, "position"), 10); // both at 20 mm
  assert.equal(linkedIndex(10, b, a, "position"), 4);
  assert.equal(linkedIndex(0, a, b, "position"), 0); // nothing lies there: the nearest
});

test("a shift counts slices of the stack that was shifted, whichever one leads", () => {
  const [a, b] = [stack(20), stack(81, { spacing: 1, from: 10 })];
  assert.equal(shiftedIndex(6, a, b, "position", { after: 10 }), 30);
  assert.equal(shiftedIndex(30, b, a, "position", { before: 10 }), 6);
  assert.equal(shiftedIndex(3, b, a, "position", { before: 10 }), 2); // nothing lies there: the nearest
});

/** Axial slices of 200 mm a side whose planes are turned by so many degrees round the x axis of the patient. `middle`: of
 * the first slice, which the next ones follow along the normal. */
function tilted(degrees, middle, count = 20, flip = 1) {
  const [sine, cosine] = [Math.sin((degrees * Math.PI) / 180), Math.cos((degrees * Math.PI) / 180)];
  const normal = [0, -sine * flip, cosine * flip];
  const center = [100, 100 * cosine, 100 * sine];
  const slices = Array.from({ length: count }, (_, at) => {
    const position = middle.map((one, axis) => one - center[axis] + at * 5 * normal[axis]);
    return { position, along: position.reduce((sum, one, axis) => sum + one * normal[axis], 0) };
  });
  return { slices, normal, center, frame: "f", plane: "axial" };
}

test("slices of stacks that are tilted to each other go together where they cross, in the middle of the head", () => {
  const level = tilted(0, [0, 150, 0]); // the head lies 150 mm off the middle of the magnet
  for (const [other, expected] of [
    [tilted(7, [0, 150, 0]), 8],
    [tilted(7, [0, 150, 95 * Math.cos((7 * Math.PI) / 180)], 20, -1), 11],
  ]) {
    assert.equal(linkedBy(level, other), "position");
    const index = linkedIndex(8, level, other, "position");
    assert.ok(Math.abs(index - expected) <= 1, `${index}, not ${expected}`);
  }
});

test("without the middles of their slices, only stacks that are level go together by position", () => {
  const bare = (stack) => ({ ...stack, center: null });
  const level = tilted(0, [0, 150, 0]);
  assert.equal(linkedBy(bare(level), bare(tilted(0.5, [0, 150, 0]))), "position");
  assert.equal(linkedBy(bare(level), bare(tilted(5, [0, 150, 0]))), "fraction");
  assert.equal(linkedBy(level, bare(tilted(5, [0, 150, 0]))), "fraction");
});

test("opposite normals count the same way", () => {
  const flipped = stack(20, { spacing: 5, from: -95, normal: [0, 0, -1] });
  assert.equal(linkedIndex(3, stack(20), flipped, "position"), 16); // at 15 mm, which is -15 there
});

test("without a position in common it is by fraction", () => {
  for (const other of [{ frame: "g" }, { frame: null }, { spacing: null }, { normal: null }]) {
    assert.equal(linkedBy(stack(20), stack(11, other)), "fraction");
  }
  assert.equal(linkedBy(stack(20, { frame: null }), stack(20, { frame: null })), "fraction");
  assert.deepEqual(
    [0, 10, 19].map((index) => linkedIndex(index, stack(20), stack(11), "fraction")),
    [0, 5, 10],
  );
});

test("a stack from right to left goes together with one from left to right", () => {
  const [a, b] = [
    { ...stack(20, { plane: "sagittal", frame: null }), stacked: "RL" },
    { ...stack(11, { plane: "sagittal", frame: null }), stacked: "LR" },
  ];
  assert.deepEqual(
    [0, 19].map((index) => linkedIndex(index, a, b, linkedBy(a, b))),
    [10, 0],
  );
  assert.equal(linkedIndex(1, b, a, linkedBy(b, a)), 17);
});

test("other planes and single images are not linked", () => {
  assert.equal(linkedBy(stack(20), stack(1)), null);
  assert.equal(linkedBy(stack(20), stack(20, { normal: [1, 0, 0] })), null);
  assert.equal(linkedBy(stack(20, { normal: null }), stack(20, { plane: "sagittal" })), null);
  assert.equal(linkedBy(stack(20, { plane: "", normal: null }), stack(20)), "fraction");
});

test("each kind of link has its sentence", () => {
  assert.equal(new Set(["position", "fraction", "none"].map((by) => SAID[by])).size, 3);
});

test("a window keeps its place within the automatic one", () => {
  assert.deepEqual(carried([250, 750], { auto: [0, 1000] }, { auto: [100, 300] }), [150, 250]);
  assert.deepEqual(carried([0, 1], { auto: [5, 5] }, { auto: [0, 1] }), [-5, -4]);
});
