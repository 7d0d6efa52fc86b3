// The profile of a series, which is its slider, too: a bar per slice, as high as its probability.

import { part } from "../lib/dom.js";
import { cineIndex, cursorLeft, profileBar } from "../lib/slices.js";

const SVG = "http://www.w3.org/2000/svg";
const CINE_EVERY = 100; // milliseconds per slice

export class Strip {
  #cine = null;

  /** turnTo: shows the slice of an index. */
  constructor(figure, turnTo) {
    this.figure = figure;
    this.turnTo = turnTo;
    this.index = 0;
    this.count = 1;
    part(figure, "slider")?.addEventListener("input", (event) => {
      this.stop();
      turnTo(Number(event.target.value) - 1);
    });
    part(figure, "play")?.addEventListener("click", () => this.play());
  }

  draw(slices) {
    this.count = slices.length;
    const strip = part(this.figure, "strip");
    if (!strip) return;
    strip.setAttribute("viewBox", `0 0 ${slices.length} 1`);
    const bars = slices.map((slice, index) => {
      const bar = document.createElementNS(SVG, "rect");
      for (const [name, value] of Object.entries(profileBar(slice, index))) bar.setAttribute(name, value);
      bar.setAttribute("class", `status-${slice.status}`);
      return bar;
    });
    strip.replaceChildren(...bars);
    part(this.figure, "slider").max = slices.length;
  }

  show(index, slice) {
    this.index = index;
    const slider = part(this.figure, "slider");
    if (!slider) return;
    const number = `Slice ${slice.number} of ${this.count}`;
    slider.value = slice.number;
    slider.setAttribute("aria-valuetext", slice.label ? `${number}: ${slice.label}` : number);
    part(this.figure, "number").textContent = number;
    const label = part(this.figure, "label");
    label.textContent = slice.label;
    label.className = `status-${slice.status}`;
    part(this.figure, "cursor").style.left = cursorLeft(index, this.count);
  }

  play() {
    if (this.#cine !== null) return this.stop();
    if (this.count < 2) return;
    this.#cine = setInterval(() => this.turnTo(cineIndex(this.index, this.count)), CINE_EVERY);
    part(this.figure, "play")?.setAttribute("aria-pressed", "true");
  }

  stop() {
    clearInterval(this.#cine);
    this.#cine = null;
    part(this.figure, "play")?.setAttribute("aria-pressed", "false");
  }
}
