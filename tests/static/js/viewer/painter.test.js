import assert from "node:assert/strict";
import { test } from "node:test";

// As much of a canvas as a painter needs: it notes what is drawn.
class Canvas {
  drawn = [];
  width = 300;
  height = 150;
  getContext() {
    const { drawn } = this;
    return {
      globalAlpha: 1,
      fillRect(...rect) {
        drawn.push(["fill", ...rect, this.globalAlpha]);
      },
      putImageData: (image) => drawn.push([...new Uint32Array(image.data.buffer)]),
      drawImage(_image, ...rect) {
        drawn.push(["draw", ...rect, this.globalAlpha, this.filter]);
      },
    };
  }
}
Object.assign(globalThis, {
  document: { createElement: () => new Canvas() },
  ImageData: class {
    constructor(width, height) {
      this.data = new Uint8ClampedArray(4 * width * height);
    }
  },
});
const { Painter } = await import("../../../../static/js/viewer/painter.js");

const slice = (samples) => {
  const values = { bits: 8, offset: 0, step: 1, inverted: false };
  return { ...values, rows: 1, columns: samples.length, samples: Uint8Array.from(samples) };
};
const BOUNDS = [0, 255];
const gray = (value) => (0xff000000 | (value << 16) | (value << 8) | value) >>> 0;

test("each sample becomes the gray that the window gives it, and the other way round where it is inverted", () => {
  const painter = new Painter(new Canvas());
  const painted = (inverted) => painter.bitmap(slice([0, 128, 255]), BOUNDS, inverted).drawn.at(-1);
  assert.deepEqual(painted(false), [0, 128, 255].map(gray));
  assert.deepEqual(painted(true), [255, 127, 0].map(gray));
});

test("a slice is painted again only if it, its window or its inversion is another", () => {
  const painter = new Painter(new Canvas());
  const [one, other] = [slice([1, 2]), slice([3, 4])];
  const paints = (...given) => painter.bitmap(...given).drawn.length;
  assert.deepEqual([paints(one, BOUNDS, false), paints(one, BOUNDS, false)], [1, 1]);
  assert.deepEqual(
    [paints(other, BOUNDS, false), paints(other, [10, 20], false), paints(other, [10, 20], true)],
    [2, 3, 4],
  );
});

test("the bitmap has the size of its slice", () => {
  const painter = new Painter(new Canvas());
  painter.bitmap(slice([1, 2]), BOUNDS, false);
  const { width, height } = painter.bitmap(slice([1, 2, 3]), BOUNDS, false);
  assert.deepEqual([width, height], [3, 1]);
});

test("on a screen with two pixels for one, everything is drawn twice as large", () => {
  globalThis.devicePixelRatio = 2;
  const canvas = new Canvas();
  const painter = new Painter(canvas);
  painter.fit({ width: 100, height: 50.3 });
  assert.deepEqual([canvas.width, canvas.height], [200, 101]);
  painter.clear();
  const rect = { left: 1, top: 2, width: 30, height: 40 };
  painter.draw({}, rect, { opacity: 0.5 });
  painter.draw({}, rect, { inverted: true });
  painter.draw({}, rect, { opacity: 0.2 });
  painter.clear();
  assert.deepEqual(canvas.drawn, [
    ["fill", 0, 0, 200, 101, 1],
    ["draw", 2, 4, 60, 80, 0.5, "none"],
    ["draw", 2, 4, 60, 80, 1, "invert(1)"],
    ["draw", 2, 4, 60, 80, 0.2, "none"],
    ["fill", 0, 0, 200, 101, 1],
  ]);
});
