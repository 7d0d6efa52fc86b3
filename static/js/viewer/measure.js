// Distances in the patient. Without a pixel spacing in the file there is no number to give.

export const UNKNOWN = "Size unknown: the file gives no pixel spacing";

/** Millimeters between two points given in fractions of the image; null where the image's size is unknown.
 * size: width and height of the image in mm, or null. */
export function distance(a, b, size) {
  return size ? Math.hypot((a.x - b.x) * size[0], (a.y - b.y) * size[1]) : null;
}

/** A distance in words. One decimal: no reader sets two points more exactly. */
export const inWords = (millimeters) => (millimeters === null ? UNKNOWN : `${millimeters.toFixed(1)} mm`);

/** The measurements of each slice, made of two points each. */
export class Measurements {
  #bySlice = new Map();

  on(slice) {
    return this.#bySlice.get(slice) ?? [];
  }

  add(slice, a, b) {
    this.#bySlice.set(slice, [...this.on(slice), { a, b }]);
  }

  /** Removes the last one of a slice. */
  undo(slice) {
    this.#bySlice.set(slice, this.on(slice).slice(0, -1));
  }

  /** Forgets those that are not on one of these slices. */
  keep(slices) {
    for (const slice of this.#bySlice.keys()) if (!slices.has(slice)) this.#bySlice.delete(slice);
  }

  clear() {
    this.#bySlice.clear();
  }
}
