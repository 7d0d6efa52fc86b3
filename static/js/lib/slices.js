// The arithmetic of a series: which slice is next, how a slice is drawn in the profile, what is kept.

const LEAST_HEIGHT = 0.06; // fraction of the profile; a slice without a probability has a bar of this height

/** `index` moved to the nearest slice that exists. */
export const clampIndex = (index, count) => Math.min(Math.max(index, 0), count - 1);

/** Where the slice of an id lies among others; the first place if it does not. */
export function indexOf(id, slices) {
  const found = slices.findIndex((one) => one.id === id);
  return Math.max(found, 0);
}

/** The slice after `index` in a cine loop, which starts again at the end. */
export const cineIndex = (index, count) => (index + 1 < count ? index + 1 : 0);

/** Position and height of a slice's bar in a profile that is one unit high and one unit wide per slice. */
export function profileBar(slice, index) {
  const height = slice.probability === null ? LEAST_HEIGHT : Math.max(slice.probability, LEAST_HEIGHT);
  return { x: index + 0.08, y: 1 - height, width: 0.84, height };
}

/** The position of the profile's cursor, as a CSS percentage. */
export const cursorLeft = (index, count) => `${(100 * (index + 0.5)) / count}%`;

/** A cache of the `limit` values used last. */
export class RecentlyUsed {
  #values = new Map(); // oldest first

  constructor(limit) {
    this.limit = limit;
  }

  /** The value for `key`, made by `create` if it is not there. */
  get(key, create) {
    const value = this.#values.has(key) ? this.#values.get(key) : create(key);
    this.#values.delete(key); // set again below, so that it becomes the newest
    this.#values.set(key, value);
    if (this.#values.size > this.limit) this.#values.delete(this.#values.keys().next().value);
    return value;
  }
}
