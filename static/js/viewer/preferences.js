// Remembers a reader's choices for the next scan. The browser keeps them by the reader's id, because people share
// workstations, and how images look is not worth a request.

import { read, write } from "../lib/storage.js";

export class Preferences {
  constructor(reader, storage) {
    this.reader = reader;
    this.storage = storage;
  }

  #key(name) {
    return `viewer:${this.reader}:${name}`;
  }

  get(name) {
    return read(this.#key(name), this.storage);
  }

  set(name, value) {
    write(this.#key(name), value === null ? null : String(value), this.storage);
  }

  /** A switch that is on unless it was turned off. */
  isOn(name) {
    return this.get(name) !== "off";
  }

  /** Percent, 0 to 100, or null. */
  percent(name) {
    const value = Number.parseInt(this.get(name), 10);
    return value >= 0 && value <= 100 ? value : null;
  }
}
