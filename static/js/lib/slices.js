// The arithmetic of a series: which slice is next, which ones to fetch ahead, how a slice is drawn in the profile.

const AHEAD = 6; // slices fetched in the direction of travel, and a third as many behind
const LEAST_HEIGHT = 0.06; // fraction of the profile; a slice without a probability is a stub of this height
const CAPTION_HEIGHT = 0.12; // fraction of the image that a caption above the box needs; evidence.py has the same
const PIXELS_PER_SLICE = 40; // of wheel movement

/** `index` moved to the nearest slice that exists. */
export const clampIndex = (index, count) => Math.min(Math.max(index, 0), count - 1);

/** The slice after `index` in a cine loop, which starts again at the end. */
export const cineIndex = (index, count) => (index + 1 < count ? index + 1 : 0);

/** Indices to fetch ahead of time, in order. `direction`: 1 or -1. */
export function prefetchOrder(index, direction, count) {
  const steps = [];
  for (let step = 1; step <= AHEAD; step += 1) steps.push(index + step * direction);
  for (let step = 1; step <= AHEAD / 3; step += 1) steps.push(index - step * direction);
  return steps.filter((at) => at >= 0 && at < count);
}

/** How many slices a key turns; undefined for other keys. */
export const stepOfKey = (key) => ({ ArrowUp: -1, ArrowDown: 1, PageUp: -10, PageDown: 10 })[key];

/** Adds up wheel movement and says how many whole slices it makes. */
export class Wheel {
  #rest = 0;

  /** Whole slices since the last call. A mouse wheel's lines count as slices, a touchpad's pixels are divided. */
  turn({ deltaMode, deltaY }) {
    this.#rest += deltaMode === 0 ? deltaY / PIXELS_PER_SLICE : deltaY;
    const steps = Math.trunc(this.#rest);
    this.#rest -= steps;
    return steps;
  }
}

/** URL of a slice's preview under the chosen window; "" is the file's first window. */
export const previewUrl = (slice, window) => (window ? `${slice.preview}?window=${window}` : slice.preview);

/** Position and height of a slice's bar in a profile that is one unit high and one unit wide per slice. */
export function profileBar(slice, index) {
  const height = slice.probability === null ? LEAST_HEIGHT : Math.max(slice.probability, LEAST_HEIGHT);
  return { x: index + 0.08, y: 1 - height, width: 0.84, height };
}

/** Where the profile's cursor stands, as a CSS percentage. */
export const cursorLeft = (index, count) => `${(100 * (index + 0.5)) / count}%`;

/** CSS position of an evidence box ([left, top, width, height] as fractions) and where its caption fits. */
export function boxLayout(box) {
  const [left, top, width, height] = box.map((fraction) => `${(100 * fraction).toFixed(2)}%`);
  return { style: { left, top, width, height }, captionBelow: box[1] < CAPTION_HEIGHT, captionRight: box[0] > 0.5 };
}

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
