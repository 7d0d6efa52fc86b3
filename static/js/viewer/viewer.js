// One viewer: which slice, view and window are shown, and the drawing of them. Gestures and keys come from controls.js.

import { part } from "../lib/dom.js";
import { clampIndex, indexOf, RecentlyUsed } from "../lib/slices.js";
import { FIT, panned, rectangle, zoomedAt } from "./geometry.js";
import { Images } from "./images.js";
import { drawMarks, layBox } from "./marks.js";
import { Measurements } from "./measure.js";
import { Painter } from "./painter.js";
import { canBeCut, lettersOf, Volume } from "./planes.js";
import { Preferences } from "./preferences.js";
import { budget, PixelStore } from "./store.js";
import { Strip } from "./strip.js";
import { bounds as boundsOf, dragged, firstChoice, isFixed, words } from "./window.js";

const MAPS_AHEAD = 3; // slices
const CUTS_KEPT = 24; // views of another plane
const DEFAULT_OPACITY = 60; // percent; the template has the site's own

export class Viewer extends EventTarget {
  view = FIT;
  choice = null; // which window; "own" once it was dragged
  bounds = null; // the window's, where they are the same for all slices
  inverted = false;
  tool = null;
  plane = null; // of the views; null for the slices' own
  aim = null; // where the keyboard's cross is
  draft = null; // what is being drawn with a tool
  locations = [];
  slices = [];
  listing = null; // the site's list of the slices
  measurements = new Measurements();
  #images = new Images(() => this.redraw());
  #store = null;
  #version = null;
  #anyValues = null;
  #volume = null;
  #cuts = new RecentlyUsed(CUTS_KEPT);
  #acquiredIndex = 0;
  #direction = 1;
  #frame = 0;
  #observer;

  constructor(figure) {
    super();
    this.figure = figure;
    this.index = Number(figure.dataset.start) || 0;
    this.preferences = new Preferences(figure.dataset.reader);
    this.mapped = this.preferences.isOn("mapped");
    this.boxed = this.preferences.isOn("boxed");
    this.opacity = this.preferences.percent("opacity") ?? (Number(figure.dataset.opacity) || DEFAULT_OPACITY);
    this.stage = part(figure, "stage");
    this.painter = new Painter(part(figure, "canvas"));
    this.strip = new Strip(figure, (index) => this.show(index));
    this.#observer = new ResizeObserver(() => this.#fit());
    this.#observer.observe(this.stage);
    this.#fit();
  }

  close() {
    this.#observer.disconnect();
    this.strip.stop();
    this.closed = true;
  }

  /** The slices as the site lists them. version: changes with their pixels or order. */
  setSlices(listing) {
    const { slices, pixels, block, version } = listing;
    const renewed = version !== this.#version || slices.length !== this.listing?.slices.length;
    if (renewed && this.listing) this.#follow(slices);
    this.listing = listing;
    this.#version = version;
    if (this.plane && !renewed) return; // the slices that were loaded are not on view
    this.slices = slices;
    const wasCut = renewed && this.plane;
    if (renewed) {
      this.#volume = this.plane = null;
      this.#store = new PixelStore({
        count: slices.length,
        size: block,
        load: async (first) => {
          const answer = await fetch(`${pixels}${first}/?v=${version}`);
          if (!answer.ok) throw new Error(String(answer.status));
          return answer.arrayBuffer();
        },
        onLoad: () => this.#arrived(),
      });
    }
    this.strip.draw(slices);
    this.#changed("listed");
    this.show(this.index, { force: true });
    if (wasCut) this.#showPlane();
  }

  /** Numbers mean other slices now: the slice on view and the distances stay, locations known by number alone do not. */
  #follow(slices) {
    this.index = indexOf(this.listing.slices[this.plane ? this.#acquiredIndex : this.index]?.id, slices);
    this.measurements.keep(new Set(slices.map(({ id }) => id)));
    this.locations = [];
    delete this.figure.dataset.locations;
  }

  get slice() {
    return this.slices[this.index] ?? null;
  }

  /** The gray values of the slice on view, or null while they load. */
  get values() {
    if (this.plane) return this.#cuts.get(this.at, () => this.#volume.view(this.plane, this.index));
    return this.#store?.get(this.index) ?? null;
  }

  /** Names the view that measurements belong to. */
  get at() {
    return this.plane ? `${this.plane} ${this.index}` : (this.slice?.id ?? this.index);
  }

  get ratio() {
    const values = this.values ?? this.#anyValues;
    if (!values) return Number(this.figure.dataset.ratio) || 1;
    return values.ratio ?? values.columns / values.rows;
  }

  /** Whether other planes can be cut from the series. */
  get canBeCut() {
    return this.listing !== null && canBeCut(this.listing, this.#anyValues, budget());
  }

  /** Show the series in a plane; all its slices are fetched first. Promises whether that was possible. */
  async cut(plane) {
    const acquired = this.listing.plane;
    if (plane === (this.plane ?? acquired)) return true;
    if (plane !== acquired && !this.#volume) {
      const store = this.#store;
      const slices = await store.all((count) => {
        part(this.figure, "readout").textContent = `Loading slice ${count} of ${this.listing.slices.length}…`;
      });
      if (!slices || store !== this.#store) return false; // by then the numbers may mean other slices
      this.#volume = new Volume(slices, this.listing);
      this.#cuts = new RecentlyUsed(CUTS_KEPT);
    }
    if (!this.plane) this.#acquiredIndex = this.index;
    this.plane = plane === acquired ? null : plane;
    this.slices = this.plane ? this.#views(plane) : this.listing.slices;
    this.index = this.plane ? Math.floor(this.slices.length / 2) : this.#acquiredIndex;
    this.strip.draw(this.slices);
    this.show(this.index, { force: true });
    this.#showPlane();
    return true;
  }

  #views(plane) {
    const nothing = { probability: null, box: null, caption: "", region: "", map: null, overlay: null };
    const label = `${plane} view, cut from the slices; the evidence is shown on these`;
    return Array.from({ length: this.#volume.count(plane) }, (_, index) => {
      return { ...nothing, number: index + 1, status: "queued", label };
    });
  }

  #showPlane() {
    const letters = this.plane ? lettersOf(this.plane) : this.listing.letters;
    ["left", "right", "top", "bottom"].forEach((edge, index) => {
      const shown = this.figure.querySelector(`.edge-${edge}`);
      if (shown) shown.textContent = letters[index];
    });
    this.#changed("plane");
  }

  get rect() {
    return rectangle(this.view, this.stageSize, this.ratio);
  }

  /** Bounds of the window on view. */
  get shownBounds() {
    return this.values ? (this.bounds ?? boundsOf(this.choice, this.values)) : null;
  }

  show(index, { force = false } = {}) {
    if (!this.slices.length) return;
    const next = clampIndex(index, this.slices.length);
    if (next === this.index && !force) return;
    if (next !== this.index) this.#direction = Math.sign(next - this.index);
    this.index = next;
    this.draft = null;
    if (!this.plane) this.#store.want(next, this.#direction);
    this.strip.show(next, this.slice);
    this.#changed("slice");
  }

  step(by) {
    this.strip.stop();
    this.show(this.index + by);
  }

  setView(view) {
    this.view = view;
    this.#changed("view");
  }

  enlarge(factor, point = { x: this.stageSize.width / 2, y: this.stageSize.height / 2 }) {
    this.setView(zoomedAt(this.view, factor, point, this.stageSize, this.ratio));
  }

  pan(by) {
    this.setView(panned(this.view, by, this.stageSize, this.ratio));
  }

  /** Choose a window by its name in `window.choices`. */
  choose(choice) {
    this.choice = choice;
    this.bounds = this.values && isFixed(choice) ? boundsOf(choice, this.values) : null;
    this.#changed("window");
  }

  setBounds(bounds) {
    this.choice = "own";
    this.bounds = bounds;
    this.#changed("window");
  }

  dragWindow(by) {
    if (this.values) this.setBounds(dragged(this.shownBounds, by, this.values));
  }

  reset() {
    this.inverted = false;
    this.view = FIT;
    this.measurements.clear();
    this.draft = this.aim = null;
    if (this.values) this.choose(firstChoice(this.values, null));
    this.#changed("view");
  }

  set(name, value) {
    this[name] = value;
    this.#changed(name);
  }

  #changed(what) {
    this.redraw();
    this.dispatchEvent(new CustomEvent("changed", { detail: { what } }));
  }

  #arrived() {
    const values = this.values;
    if (values && !this.plane) {
      if (!this.#anyValues) queueMicrotask(() => this.#changed("plane")); // whether it can be cut is known now
      this.#anyValues = values;
      if (this.choice === null) {
        this.choice = firstChoice(values, this.preferences.get("window"));
        this.dispatchEvent(new CustomEvent("changed", { detail: { what: "offer" } }));
      }
      if (this.bounds === null && isFixed(this.choice)) this.bounds = boundsOf(this.choice, values);
    }
    this.redraw();
  }

  #fit() {
    this.stageSize = { width: this.stage.clientWidth, height: this.stage.clientHeight };
    if (!this.stageSize.width || !this.stageSize.height) return;
    this.painter.fit(this.stageSize);
    this.draw();
  }

  redraw() {
    this.#frame ||= requestAnimationFrame(() => this.draw());
  }

  draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    if (this.closed || !this.slice) return;
    const { rect, painter } = this;
    painter.clear();
    if (this.values) painter.draw(painter.bitmap(this.values, this.shownBounds, this.inverted), rect);
    else this.#drawStandIn(rect);
    if (!this.missing) this.#drawMap(rect);
    this.#drawMarks(rect);
    this.#describe();
    this.figure.classList.add("drawn");
  }

  // What the site has drawn, until the gray values are loaded or if they cannot be.
  #drawStandIn(rect) {
    const { slice } = this;
    const large = this.#store.failed(this.index) || this.slices.length === 1 ? this.#images.get(slice.preview) : null;
    const image = large ?? this.#images.get(slice.thumbnail);
    if (image) this.painter.draw(image, rect, { inverted: this.inverted });
  }

  /** Whether the image on view failed to load in every form. */
  get missing() {
    const { slice } = this;
    if (!slice || this.values || this.plane || !this.#store.failed(this.index)) return false;
    return [slice.preview, slice.thumbnail].every((url) => this.#images.failed(url));
  }

  #drawMap(rect) {
    const { slice } = this;
    if (!this.mapped || !slice.map) return;
    const map = this.#images.get(slice.map);
    if (map) this.painter.draw(map, rect, { opacity: this.opacity / 100 });
    for (let step = 1; step <= MAPS_AHEAD; step += 1) {
      this.#images.get(this.slices[this.index + step * this.#direction]?.map);
    }
  }

  #drawMarks(rect) {
    const { slice, values } = this;
    const box = part(this.figure, "box"); // absent if the result is hidden from the reader
    const found = this.boxed && !this.missing ? slice.box : null;
    if (box) layBox(box, rect, this.stageSize, { box: found, caption: slice.caption });
    drawMarks(part(this.figure, "marks"), rect, {
      locations: this.plane ? [] : this.locations.filter((one) => (one.slice ?? 0) === this.index),
      measurements: this.measurements.on(this.at),
      size: values?.millimeters ?? null,
      aim: this.aim,
      draft: this.draft,
    });
  }

  #describe() {
    part(this.figure, "missing").hidden = !this.missing;
    const zoom = this.view.zoom === 1 ? "" : `${this.view.zoom.toFixed(1)} ×`;
    const said = this.missing ? [] : [this.#sourceInWords(), zoom, this.#mapProblem()];
    part(this.figure, "readout").textContent = said.filter(Boolean).join(" · ");
    const region = this.mapped && !this.missing && this.slice.map && this.slice.region;
    const number = this.slices.length > 1 ? `Slice ${this.slice.number} of ${this.slices.length}. ` : "";
    const map = region ? ` Evidence map: strongest in the ${region} of the image.` : "";
    part(this.figure, "canvas").setAttribute("aria-label", `${number}${this.figure.dataset.name ?? ""}.${map}`);
  }

  #sourceInWords() {
    if (this.shownBounds) return words(this.shownBounds);
    const stands = !this.plane && this.#store.failed(this.index);
    return stands ? "Gray values could not be loaded: this is a smaller copy of the image." : "Loading…";
  }

  #mapProblem() {
    return this.mapped && this.#images.failed(this.slice.map) ? this.figure.dataset.noMap : "";
  }

  /** The list of slices failed to load, so only the image that came with the page can be shown. */
  setUnlisted(text) {
    const image = part(this.figure, "plain");
    const missing = !this.slices.length && image.complete && image.naturalWidth === 0;
    part(this.figure, "missing").hidden = !missing;
    part(this.figure, "readout").textContent = missing ? "" : text;
  }
}
