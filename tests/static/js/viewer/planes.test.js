import assert from "node:assert/strict";
import { test } from "node:test";
import { axesOf, canBeCut, lettersOf, Volume } from "../../../../static/js/viewer/planes.js";

const COLUMNS = 4;
const ROWS = 3;

/** A stack whose value at column c, row r and slice s is 100 c + 10 r + s, counted from an offset of each slice's own. */
function stack(count, { offset = 0 } = {}) {
  return Array.from({ length: count }, (_, s) => {
    const samples = new Uint16Array(COLUMNS * ROWS);
    for (let r = 0; r < ROWS; r += 1) {
      for (let c = 0; c < COLUMNS; c += 1) samples[r * COLUMNS + c] = 100 * c + 10 * r + s - offset * s + 50;
    }
    const common = { columns: COLUMNS, rows: ROWS, bits: 16, step: 1, windows: [], inverted: false };
    return {
      ...common,
      samples,
      offset: offset * s - 50,
      range: [s, 320 + s],
      auto: [s, 320],
      millimeters: [2 * COLUMNS, 2 * ROWS],
    };
  });
}

const AXIAL = { plane: "axial", letters: "RLAP", stacked: "FH", spacing: 3 };
const value = (view, x, y) => view.offset + view.step * view.samples[y * view.columns + x];

test("an axial stack from the feet upwards is seen from the front with the head above", () => {
  const volume = new Volume(stack(5), AXIAL);
  assert.equal(volume.count("coronal"), ROWS);
  const view = volume.view("coronal", 1);
  assert.deepEqual([view.columns, view.rows, view.millimeters], [4, 5, [8, 15]]);
  assert.equal(value(view, 2, 0), 214); // column 2, row 1, the last slice
  assert.equal(value(view, 0, 4), 10); // column 0, row 1, the first slice
});

test("and from the side with the face to the left", () => {
  const volume = new Volume(stack(5), AXIAL);
  assert.equal(volume.count("sagittal"), COLUMNS);
  const view = volume.view("sagittal", 3);
  assert.deepEqual([view.columns, view.rows, view.ratio], [3, 5, 6 / 15]);
  assert.equal(value(view, 2, 1), 323); // column 3, row 2, slice 3
});

test("slices that count from offsets of their own give the same values", () => {
  const [plain, shifted] = [stack(5), stack(5, { offset: 7 })].map((slices) => new Volume(slices, AXIAL));
  const [a, b] = [plain, shifted].map((volume) => volume.view("sagittal", 1));
  assert.deepEqual([...a.samples], [...b.samples]);
});

test("values with fractions keep to a small part of the range", () => {
  const slices = stack(5).map((slice) => ({ ...slice, step: 0.37, offset: 0.25, range: [0.25, 150] }));
  const volume = new Volume(slices, AXIAL);
  const view = volume.view("coronal", 0);
  assert.ok(Math.abs(value(view, 1, 4) - (0.25 + 0.37 * 150)) <= view.step);
});

test("stacks of every plane are turned the same way up", () => {
  assert.deepEqual(axesOf("axial", { letters: "APHF", stacked: "RL" }), {
    across: { axis: "slice", backwards: false },
    down: { axis: "column", backwards: false },
    through: { axis: "row", backwards: true },
  });
  assert.deepEqual(axesOf("coronal", { letters: "LRAP", stacked: "FH" }).across, {
    axis: "column",
    backwards: true,
  });
  assert.deepEqual(lettersOf("coronal"), ["R", "L", "H", "F"]);
});

test("slices that run from left to right or from back to front are cut the right way round", () => {
  const sagittal = new Volume(stack(5), { plane: "sagittal", letters: "APHF", stacked: "LR", spacing: 2 });
  const axial = sagittal.view("axial", 2); // the highest row
  assert.deepEqual([axial.columns, axial.rows], [5, 4]);
  assert.equal(value(axial, 0, 1), 104); // at the patient's right: column 1, row 0, the last slice
  const coronal = new Volume(stack(5), { plane: "coronal", letters: "RLHF", stacked: "PA", spacing: 2 });
  assert.equal(value(coronal.view("axial", 2), 1, 0), 104); // at the front: column 1, row 0, the last slice
  assert.equal(value(coronal.view("sagittal", 1), 4, 2), 120); // at the back: column 1, row 2, the first slice
});

test("only series of about cubic voxels of known size are cut, and only what fits into memory", () => {
  const values = stack(1)[0]; // pixels of 2 mm
  const listing = { ...AXIAL, slices: new Array(60).fill({}) };
  const bytes = 60 * values.samples.byteLength;
  assert.ok(canBeCut(listing, values, bytes));
  for (const changed of [
    { plane: "" },
    { letters: "" },
    { spacing: null },
    { spacing: 5.1 },
    { slices: new Array(23).fill({}) },
  ]) {
    assert.ok(!canBeCut({ ...listing, ...changed }, values, bytes), JSON.stringify(changed));
  }
  assert.ok(!canBeCut(listing, { ...values, millimeters: null }, bytes));
  assert.ok(!canBeCut(listing, values, bytes - 1));
  assert.ok(!canBeCut(listing, null, bytes));
});

test("a stack whose slices are shifted sideways, as by a tilted gantry, is not cut", () => {
  const values = stack(1)[0]; // pixels of 2 mm
  const at = (shift) => Array.from({ length: 60 }, (_, s) => ({ position: [-90, -100 + shift * s, 2 * s - 40] }));
  const listing = (shift) => ({ ...AXIAL, normal: [0, 0, 1], slices: at(shift) });
  assert.ok(canBeCut(listing(0.03), values, 10 ** 6));
  assert.ok(!canBeCut(listing(0.5), values, 10 ** 6)); // 14 degrees: 30 mm from the first to the last
});

test("a stack whose slices do not lie in order yet, or not evenly, is not cut", () => {
  const values = stack(1)[0];
  const listing = (places) => ({ ...AXIAL, slices: places.map((along) => ({ along })) });
  const even = Array.from({ length: 60 }, (_, at) => 3 * at - 40);
  assert.ok(canBeCut(listing(even), values, 10 ** 6));
  for (const places of [even.toReversed(), even.map((along, at) => along + (at % 2) / 3), even.map(() => null)]) {
    assert.ok(canBeCut(listing(places), values, 10 ** 6));
  }
  assert.ok(!canBeCut(listing([...even.slice(10), ...even.slice(0, 10)]), values, 10 ** 6)); // ten came later
  assert.ok(!canBeCut(listing(even.filter((_, at) => at !== 30)), values, 10 ** 6));
});
