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

const CUT = { stacked: "FH", spacing: 1 };

function listing(ids) {
  const slices = ids.map((id, at) => ({ id, number: at + 1, probability: null, status: "queued", label: "" }));
  return { slices, pixels: "/pixels/", block: 8, version: ids.join(), plane: "axial", letters: "RLAP", ...CUT };
}

/** The site's answer with slices of one pixel. */
function block(count) {
  const entry = {
    rows: 1,
    columns: 1,
    bits: 8,
    step: 1,
    offset: 0,
    range: [0, 255],
    auto: [0, 255],
    windows: [],
    millimeters: [1, 1],
  };
  const header = JSON.stringify({ first: 0, slices: Array.from({ length: count }, (_, at) => ({ ...entry, at })) });
  const buffer = new ArrayBuffer(4 + header.length + count);
  new DataView(buffer).setUint32(0, header.length, true);
  new Uint8Array(buffer).set(new TextEncoder().encode(header), 4);
  return buffer;
}

function viewer(dataset = {}, parts = {}) {
  const figure = { dataset, querySelector: (asked) => parts[asked] ?? nothing };
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

test("locations that were marked by number are not shown on other slices", () => {
  const viewed = viewer({ locations: "[]" });
  viewed.set("locations", [{ x: 0.5, y: 0.5, slice: 1 }]);
  viewed.setSlices(listing([7, 8, 9]));
  assert.equal(viewed.locations.length, 1);
  viewed.setSlices(listing([6, 7, 8, 9]));
  assert.deepEqual([viewed.locations, viewed.figure.dataset.locations], [[], undefined]);
});

test("the letters at the edges are those of the slices again once these are others", () => {
  const edges = Object.fromEntries(["left", "right", "top", "bottom"].map((edge) => [`.edge-${edge}`, {}]));
  const viewed = viewer({}, edges);
  viewed.plane = "sagittal";
  edges[".edge-left"].textContent = "A";
  const told = [];
  viewed.addEventListener("changed", ({ detail }) => told.push(detail.what));
  viewed.setSlices(listing([6, 7, 8, 9]));
  assert.deepEqual(
    Object.values(edges).map(({ textContent }) => textContent),
    [..."RLAP"],
  );
  assert.ok(told.includes("plane"), "the buttons say which plane is on view");
});

test("no plane is cut from slices of which others have come while they were loaded", async () => {
  const answers = [];
  globalThis.fetch = () => new Promise((done) => answers.push(done));
  const viewed = viewer();
  const cut = viewed.cut("coronal");
  viewed.setSlices(listing([6, 7, 8, 9]));
  for (const done of answers) done({ ok: true, arrayBuffer: () => block(3) });
  assert.equal(await cut, false);
  assert.equal(viewed.plane, null);
});
