// Gray values by slice: fetched in blocks, some of them ahead of time, and dropped again beyond a memory limit.

import { bytesOf, parse } from "./block.js";

const MEGABYTE = 1_048_576;
const SMALL_MACHINE = 4; // gigabytes
const AT_ONCE = 3; // requests
const AHEAD = 4; // blocks in the direction of travel
const BEHIND = 1;

/** Bytes of gray values kept: a series of 300 slices of 512 × 512 takes 160 MB. */
export const budget = () => ((globalThis.navigator?.deviceMemory ?? 8) < SMALL_MACHINE ? 64 : 256) * MEGABYTE;

/** Numbers of the blocks to fetch, the most urgent first. */
export function wantedBlocks(index, direction, count, size) {
  const last = Math.ceil(count / size) - 1;
  const here = Math.floor(index / size);
  const steps = [0];
  for (let step = 1; step <= AHEAD; step += 1) steps.push(step * direction);
  for (let step = 1; step <= BEHIND; step += 1) steps.push(-step * direction);
  return steps.map((step) => here + step).filter((block) => block >= 0 && block <= last);
}

export class PixelStore {
  #blocks = new Map(); // by number, least recently used first
  #failed = new Set();
  #running = new Map(); // promises by number
  #tried = new Set(); // since the last request: a block dropped for lack of memory is not fetched over and over
  #wanted = [];
  #bytes = 0;

  /** load: takes the index of a block's first slice and promises the answer's ArrayBuffer. onLoad: called with the
   * indices of the slices that were loaded. */
  constructor({ count, size, load, onLoad, limit = budget() }) {
    Object.assign(this, { count, size, load, onLoad, limit });
  }

  get bytes() {
    return this.#bytes;
  }

  /** A slice, or null if it is not loaded yet. */
  get(index) {
    const number = Math.floor(index / this.size);
    const block = this.#blocks.get(number);
    if (!block) return null;
    this.#blocks.delete(number); // set again, so that it becomes the newest
    this.#blocks.set(number, block);
    return block[index % this.size] ?? null;
  }

  /** Whether a slice failed to load. */
  failed(index) {
    return this.#failed.has(Math.floor(index / this.size));
  }

  /** Fetch the block of a slice and those around it. Earlier requests that have not started are dropped. */
  want(index, direction) {
    this.#wanted = wantedBlocks(index, direction, this.count, this.size);
    this.#tried.clear();
    this.#next();
  }

  /** Promises all slices, or null if one fails to load. onPart: called with the number loaded so far. */
  async all(onPart) {
    const last = Math.ceil(this.count / this.size);
    let next = 0;
    const fetchSome = async () => {
      while (next < last) {
        const number = next;
        next += 1;
        if (!this.#blocks.has(number)) await this.#fetch(number);
        onPart(Math.min(this.#blocks.size * this.size, this.count));
      }
    };
    this.#wanted = [];
    await Promise.all(Array.from({ length: AT_ONCE }, fetchSome));
    const slices = Array.from({ length: this.count }, (_, index) => this.get(index));
    return slices.every(Boolean) ? slices : null;
  }

  #next() {
    for (const number of this.#wanted) {
      if (this.#running.size >= AT_ONCE) return;
      const here = [this.#blocks, this.#running, this.#failed, this.#tried].some((known) => known.has(number));
      if (!here) this.#fetch(number);
    }
  }

  #fetch(number) {
    if (!this.#running.has(number)) this.#running.set(number, this.#take(number));
    return this.#running.get(number);
  }

  async #take(number) {
    this.#tried.add(number);
    try {
      const { slices } = parse(await this.load(number * this.size));
      this.#blocks.set(number, slices);
      this.#bytes += slices.reduce((sum, slice) => sum + bytesOf(slice), 0);
      this.#forget(number);
    } catch {
      this.#failed.add(number);
    }
    this.#running.delete(number);
    this.onLoad(number * this.size, Math.min((number + 1) * this.size, this.count));
    this.#next();
  }

  #forget(newest) {
    for (const [number, slices] of this.#blocks) {
      if (this.#bytes <= this.limit) return;
      if (number === newest || number === this.#wanted[0]) continue;
      this.#blocks.delete(number);
      this.#bytes -= slices.reduce((sum, slice) => sum + bytesOf(slice), 0);
    }
  }
}
