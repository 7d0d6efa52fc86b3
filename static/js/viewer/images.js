// Images that the site draws: evidence maps, and thumbnails that stand in until a slice's gray values are there.

import { RecentlyUsed } from "../lib/slices.js";

const KEPT = 60; // decoded; a map of 512 × 512 pixels takes a megabyte

export class Images {
  #images = new RecentlyUsed(KEPT);
  #failed = new Set();

  /** onLoad: called when an image is there, or cannot be had. */
  constructor(onLoad) {
    this.onLoad = onLoad;
  }

  /** The image, or null while it is on its way or if it cannot be had. */
  get(url) {
    if (!url) return null;
    const image = this.#images.get(url, (address) => {
      const made = new Image();
      made.decoding = "async";
      made.src = address;
      made
        .decode()
        .catch(() => this.#failed.add(address))
        .then(this.onLoad);
      return made;
    });
    return image.complete && image.naturalWidth > 0 ? image : null;
  }

  /** Whether an image cannot be had. */
  failed(url) {
    return this.#failed.has(url);
  }
}
