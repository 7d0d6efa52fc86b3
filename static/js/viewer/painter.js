// Draws a slice: maps its samples to colors in a bitmap of the slice's size, then draws the bitmap and the evidence map
// onto the stage's canvas, which has the resolution of the screen.

import { table, tableKey } from "./window.js";

export class Painter {
  #bitmap = document.createElement("canvas");
  #pixels = null;
  #painted = {};
  #table = null;
  #tableKey = "";

  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
  }

  /** Fit the canvas to the screen's pixels on a stage of this size (CSS pixels). */
  fit(stage) {
    this.density = globalThis.devicePixelRatio || 1;
    const [width, height] = [Math.round(stage.width * this.density), Math.round(stage.height * this.density)];
    if (this.canvas.width !== width) this.canvas.width = width;
    if (this.canvas.height !== height) this.canvas.height = height;
  }

  clear() {
    this.context.fillStyle = "black";
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
  }

  /** A slice's gray values as a bitmap; kept until something changes. */
  bitmap(slice, bounds, inverted) {
    const key = tableKey(bounds, slice, inverted);
    if (this.#painted.slice === slice && this.#painted.key === key) return this.#bitmap;
    if (this.#tableKey !== key) {
      this.#table = table(bounds, slice, inverted);
      this.#tableKey = key;
    }
    if (this.#bitmap.width !== slice.columns || this.#bitmap.height !== slice.rows || !this.#pixels) {
      this.#bitmap.width = slice.columns;
      this.#bitmap.height = slice.rows;
      this.#pixels = new ImageData(slice.columns, slice.rows);
    }
    const colors = this.#table;
    const { samples } = slice;
    const into = new Uint32Array(this.#pixels.data.buffer);
    for (let index = 0; index < into.length; index += 1) into[index] = colors[samples[index]];
    this.#bitmap.getContext("2d").putImageData(this.#pixels, 0, 0);
    this.#painted = { slice, key };
    return this.#bitmap;
  }

  /** Draw an image into a rectangle of the stage (CSS pixels). */
  draw(image, rect, { opacity = 1, inverted = false } = {}) {
    const { context, density } = this;
    context.globalAlpha = opacity;
    context.filter = inverted ? "invert(1)" : "none";
    context.imageSmoothingEnabled = true;
    context.drawImage(image, rect.left * density, rect.top * density, rect.width * density, rect.height * density);
    context.globalAlpha = 1;
    context.filter = "none";
  }
}
