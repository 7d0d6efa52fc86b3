import assert from "node:assert/strict";
import { test } from "node:test";

// What a page gives a viewer, as far as these tests need it.
const nothing = new Proxy(() => nothing, {
  get: (_, name) => (name === Symbol.toPrimitive ? () => 0 : nothing),
  set: () => true,
});
Object.assign(globalThis, {
  document: { createElement: () => nothing, createElementNS: () => nothing },
  ResizeObserver: class {
    observe() {}
    disconnect() {}
  },
  requestAnimationFrame: () => 1,
  cancelAnimationFrame: () => {},
  fetch: () => Promise.reject(new Error("offline")),
});
const { Viewer } = await import("../../../../static/js/viewer/viewer.js");

const LINE = [
  { x: 0, y: 0 },
  { x: 1, y: 1 },
];

function listing(ids) {
  const slices = ids.map((id, at) => ({ id, number: at + 1, probability: null, status: "queued", label: "" }));
  return { slices, pixels: "/pixels/", block: 8, version: ids.join(), plane: "axial", letters: "RLAP" };
}

function viewer(dataset = {}) {
  const figure = { dataset, querySelector: () => nothing };
  const made = new Viewer(figure);
  made.setSlices(listing([7, 8, 9]));
  return made;
}

test("a distance stays on its slice when others arrive before it, and so does the reader", () => {
  const viewed = viewer();
  viewed.show(1);
  viewed.measurements.add(viewed.at, ...LINE);
  viewed.setSlices(listing([5, 6, 7, 8, 9]));
  assert.equal(viewed.slice.id, 8);
  assert.equal(viewed.measurements.on(viewed.at).length, 1);
  viewed.show(1);
  assert.deepEqual(viewed.measurements.on(viewed.at), []);
});

test("a distance on a slice that has left is gone, and so is one on a view that was cut from all", () => {
  const viewed = viewer();
  for (const at of [7, "coronal 3"]) viewed.measurements.add(at, ...LINE);
  viewed.setSlices(listing([8, 9]));
  assert.equal(viewed.slice.id, 8);
  for (const at of [7, "coronal 3"]) assert.deepEqual(viewed.measurements.on(at), []);
});

test("places that were marked by number are not shown on other slices", () => {
  const viewed = viewer({ places: "[]" });
  viewed.set("places", [{ x: 0.5, y: 0.5, slice: 1 }]);
  viewed.setSlices(listing([7, 8, 9]));
  assert.equal(viewed.places.length, 1);
  viewed.setSlices(listing([6, 7, 8, 9]));
  assert.deepEqual([viewed.places, viewed.figure.dataset.places], [[], undefined]);
});
