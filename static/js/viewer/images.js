// Images that the site draws: evidence maps, and thumbnails that are shown until a slice's gray values arrive.

import { RecentlyUsed } from "../lib/slices.js";

const KEPT = 60; // decoded; a map of 512 × 512 pixels takes a megabyte

export class Images {
  #images = new RecentlyUsed(KEPT);
  #failed = new Set();

  /** onLoad: called when an image has loaded or failed to. */
  constructor(onLoad) {
    this.onLoad = onLoad;
  }

  /** The image, or null while it loads or if it failed to. */
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

  /** Whether an image failed to load. */
  failed(url) {
    return this.#failed.has(url);
  }
}
