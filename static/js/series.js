// A series: slices are fetched as they are turned to, thumbnails first, and the next ones ahead of time.

import { isShortcut, part } from "./lib/dom.js";
import {
  boxLayout,
  cineIndex,
  clampIndex,
  cursorLeft,
  prefetchOrder,
  previewUrl,
  profileBar,
  RecentlyUsed,
  stepOfKey,
  Wheel,
} from "./lib/slices.js";

const IMAGES_KEPT = 80; // decoded; one of 512 × 512 pixels takes a megabyte
const CINE_EVERY = 100; // milliseconds per slice
const ASK_AGAIN_AFTER = 3000; // milliseconds, while the run is in progress or the list could not be loaded
const SVG = "http://www.w3.org/2000/svg";

function preload(url) {
  const image = new Image();
  image.decoding = "async";
  image.src = url;
  return image;
}

/** One figure of the page, with its slices once they are loaded. */
class SeriesView {
  #images = new RecentlyUsed(IMAGES_KEPT);
  #slices = [];
  #index;
  #direction = 1;
  #cine = null;
  #alive = true;

  constructor(figure) {
    this.figure = figure;
    this.#index = Number(figure.dataset.start) || 0;
    const wheel = new Wheel();
    this.#part("slider").addEventListener("input", (event) => this.turnTo(Number(event.target.value) - 1));
    this.#part("play").addEventListener("click", () => this.#play(this.#cine === null));
    this.#part("window")?.addEventListener("change", () => this.#show(this.#index));
    this.#part("stage").addEventListener(
      "wheel",
      (event) => {
        if (event.ctrlKey || figure.classList.contains("zoomed")) return;
        event.preventDefault();
        const steps = wheel.turn(event);
        if (steps) this.#show(this.#index + steps);
      },
      { passive: false },
    );
    this.#load();
  }

  turnTo(index) {
    this.#play(false);
    this.#show(index);
  }

  step(by) {
    this.turnTo(this.#index + by);
  }

  stop() {
    this.#alive = false;
    this.#play(false);
  }

  #part(name) {
    return part(this.figure, name);
  }

  #url(slice) {
    return previewUrl(slice, this.#part("window")?.value);
  }

  #fetch(url) {
    return this.#images.get(url, preload);
  }

  #play(on) {
    clearInterval(this.#cine);
    this.#cine = on ? setInterval(() => this.#show(cineIndex(this.#index, this.#slices.length)), CINE_EVERY) : null;
    this.#part("play").setAttribute("aria-pressed", String(on));
  }

  #show(index) {
    if (!this.#slices.length) return;
    const next = clampIndex(index, this.#slices.length);
    if (next !== this.#index) this.#direction = Math.sign(next - this.#index);
    this.#index = next;
    const slice = this.#slices[next];
    this.#showImage(slice);
    this.#showMap(slice);
    this.#showBox(slice);
    this.#describe(slice);
    for (const ahead of prefetchOrder(next, this.#direction, this.#slices.length)) {
      this.#fetch(this.#url(this.#slices[ahead]));
      const map = this.#slices[ahead].map;
      if (map && this.figure.classList.contains("mapped")) this.#fetch(map);
    }
  }

  #showImage(slice) {
    const url = this.#url(slice);
    const shown = this.#part("image");
    const preview = this.#fetch(url);
    shown.alt = `Slice ${slice.number} of ${this.#slices.length}`;
    if (preview.complete) {
      shown.src = preview.src;
      return;
    }
    shown.src = slice.thumbnail;
    preview.decode().then(
      () => {
        const current = this.#slices[this.#index];
        if (current === slice && this.#url(current) === url) shown.src = preview.src;
      },
      () => {}, // it could not be fetched: the thumbnail stays
    );
  }

  #showMap(slice) {
    const map = this.#part("map");
    map.hidden = !slice.map;
    if (!slice.map) return;
    map.src = slice.map;
    map.alt = `Evidence map over the slice: strongest in the ${slice.region} of the image.`;
  }

  #showBox(slice) {
    const box = this.#part("box");
    box.hidden = !slice.box;
    if (!slice.box) return;
    const layout = boxLayout(slice.box);
    Object.assign(box.style, layout.style);
    box.classList.toggle("caption-below", layout.captionBelow);
    box.classList.toggle("caption-right", layout.captionRight);
    box.firstElementChild.textContent = slice.caption;
  }

  #describe(slice) {
    const number = `Slice ${slice.number} of ${this.#slices.length}`;
    const slider = this.#part("slider");
    slider.value = slice.number;
    slider.setAttribute("aria-valuetext", `${number}: ${slice.label}`);
    this.#part("number").textContent = number;
    this.#part("label").textContent = slice.label;
    this.#part("label").className = `status-${slice.status}`;
    this.#part("cursor").style.left = cursorLeft(this.#index, this.#slices.length);
    const overlay = this.#part("overlay");
    overlay.hidden = !slice.overlay;
    if (!slice.overlay) return;
    overlay.href = slice.overlay;
    overlay.download = `slice-${slice.number}-evidence.png`;
  }

  // One bar per slice: as high as its probability, in the color of its outcome.
  #drawProfile() {
    const strip = this.#part("strip");
    strip.setAttribute("viewBox", `0 0 ${this.#slices.length} 1`);
    const bars = this.#slices.map((slice, index) => {
      const bar = document.createElementNS(SVG, "rect");
      for (const [name, value] of Object.entries(profileBar(slice, index))) bar.setAttribute(name, value);
      bar.setAttribute("class", `status-${slice.status}`);
      return bar;
    });
    strip.replaceChildren(...bars);
    this.#part("slider").max = this.#slices.length;
  }

  async #load() {
    let active = true;
    try {
      const answer = await fetch(this.figure.dataset.series, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(String(answer.status));
      const listing = await answer.json();
      if (!this.#alive) return;
      active = listing.active;
      this.#slices = listing.slices;
      this.#drawProfile();
      this.#show(this.#index);
    } catch {
      this.#part("label").textContent = "The slices could not be loaded; trying again.";
    }
    if (active) setTimeout(() => this.#alive && this.#load(), ASK_AGAIN_AFTER);
  }
}

let view = null;

function start() {
  const figure = document.querySelector("[data-series]");
  if (!figure || view?.figure === figure) return;
  view?.stop();
  view = new SeriesView(figure);
}

document.addEventListener("keydown", (event) => {
  if (!view || !isShortcut(event) || document.querySelector("dialog[open], .viewer.zoomed")) return;
  const step = stepOfKey(event.key);
  if (!step) return;
  event.preventDefault();
  view.step(step);
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-slice]");
  if (!link || !view || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  view.turnTo(Number(link.dataset.slice));
});

document.addEventListener("htmx:afterSettle", start); // a result that arrives on the open page
start();
