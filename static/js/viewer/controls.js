// Ties buttons, keys and gestures to a viewer. The tools: a mouse drag sets the window unless one is on; `pan` moves the
// image, `measure` draws a distance, `mark` marks a point with a click or a box with a drag.

import { byId, isShortcut, part } from "../lib/dom.js";
import { between, FIT, inside, toImage } from "./geometry.js";
import { Gestures } from "./gestures.js";
import { command } from "./keys.js";
import { distance, inWords } from "./measure.js";
import { PLANES } from "./planes.js";
import { choices, words } from "./window.js";

const CLOSE = 3; // zoom factor of `z` and a double click
const AIMING = new Set(["measure", "mark"]);
const REMEMBERED = ["mapped", "boxed"];
const SAID = {
  window: "Window: drag to change contrast and brightness.",
  pan: "Move: drag the image.",
  measure: "Measure: drag from one point to the other, or aim with the arrow keys and set both with Enter.",
  mark: "Mark: click a point or drag a box, or aim with the arrow keys and set it with Enter.",
};

function announce(text) {
  const region = byId("announcer");
  if (region) region.textContent = text;
}

export class Controls {
  #viewer;
  #pointer = null; // where the mouse was last, on the stage
  #opened = new AbortController();

  constructor(viewer) {
    this.#viewer = viewer;
    const { figure, stage } = viewer;
    const on = { signal: this.#opened.signal };
    figure.addEventListener("click", (event) => this.#click(event), on);
    figure.addEventListener("input", (event) => this.#input(event), on);
    figure.addEventListener("change", (event) => this.#choose(event), on);
    figure.addEventListener("pointerdown", () => (this.byMouse = true), on);
    figure.addEventListener("keydown", () => (this.byMouse = false), on);
    figure.addEventListener("viewer:tool", (event) => this.#take(event.detail, true), on);
    figure.addEventListener("viewer:show-locations", (event) => viewer.set("locations", event.detail ?? []), on);
    viewer.addEventListener("changed", (event) => this.#reflect(event.detail.what), on);
    // Before the page's own shortcuts, so that an arrow that aims does not also open the next scan.
    document.addEventListener("keydown", (event) => this.#key(event), { capture: true, ...on });
    new Gestures(stage, this.#gestureState(), this.#gestures());
    if (figure.dataset.locations) viewer.set("locations", JSON.parse(figure.dataset.locations));
    this.#reflect("all");
  }

  close() {
    this.#opened.abort();
  }

  #gestureState() {
    const viewer = this.#viewer;
    return {
      get tool() {
        return viewer.tool;
      },
      get enlarged() {
        return viewer.view.zoom > 1;
      },
    };
  }

  #gestures() {
    const viewer = this.#viewer;
    return {
      hasSlices: () => viewer.slices.length > 1,
      zoom: (factor, point) => viewer.enlarge(factor, point),
      pan: (by) => viewer.pan(by),
      window: (by) => viewer.dragWindow(by),
      slices: (count) => viewer.step(count),
      hover: (point) => {
        this.#pointer = point;
      },
      twice: (point) => !viewer.tool && this.#zoom(point),
      press: (tool, point) => {
        viewer.activate?.();
        if (AIMING.has(tool)) viewer.set("aim", null);
        this.from = inside(toImage(point, viewer.rect));
      },
      drag: (tool, point) => this.#drag(tool, inside(toImage(point, viewer.rect))),
      release: (tool, point, moved) => this.#release(tool, inside(toImage(point, viewer.rect)), moved),
      cancel: () => viewer.set("draft", null),
    };
  }

  #drag(tool, to) {
    if (tool === "measure") this.#viewer.set("draft", { a: this.from, b: to });
    if (tool === "mark") this.#viewer.set("draft", { box: between(this.from, to) });
  }

  #release(tool, to, moved) {
    if (tool === "measure" && moved) this.#measured(this.from, to);
    if (tool === "mark") this.#marked(moved ? null : to, moved ? between(this.from, to) : null);
    if (AIMING.has(tool)) this.#viewer.set("draft", null);
  }

  #measured(a, b) {
    const viewer = this.#viewer;
    viewer.measurements.add(viewer.at, a, b);
    viewer.set("draft", null);
    announce(inWords(distance(a, b, viewer.values?.millimeters ?? null)));
  }

  #marked(point, box) {
    const viewer = this.#viewer;
    if (viewer.plane) {
      announce("Locations are marked on the slices themselves.");
      return;
    }
    const at = point ?? { x: (box[0] + box[2]) / 2, y: (box[1] + box[3]) / 2 };
    const slice = viewer.slices.length > 1 ? viewer.index : null;
    viewer.figure.dispatchEvent(
      new CustomEvent("viewer:location", { bubbles: true, detail: { x: at.x, y: at.y, box, slice } }),
    );
  }

  #key(event) {
    const viewer = this.#viewer;
    if (!isShortcut(event) || viewer.inactive || document.querySelector("dialog[open]")) return;
    const asked = command(event, AIMING.has(viewer.tool));
    if (!asked || (asked.do === "slice" && viewer.slices.length < 2)) return;
    if (asked.do === "set" && event.target.closest("a, button, summary")) return;
    if (!this.#obey(asked)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }

  /** Run a key's command; false if it has none. */
  #obey(asked) {
    const viewer = this.#viewer;
    const actions = {
      slice: () =>
        viewer.step(Number.isFinite(asked.by) ? asked.by : asked.by > 0 ? viewer.slices.length : -viewer.index),
      pan: () => viewer.pan(asked),
      window: () => viewer.dragWindow(asked),
      enlarge: () => viewer.enlarge(asked.factor, this.#pointer ?? undefined),
      tool: () => this.#take(asked.name),
      switch: () => this.#toggle(asked.name),
      zoom: () => this.#zoom(this.#pointer),
      reset: () => viewer.reset(),
      cine: () => viewer.slices.length > 1 && viewer.strip.play(),
      aim: () => this.#aim(asked),
      set: () => this.#setPoint(),
      undo: () => this.#undo(),
      plane: () => this.#nextPlane(),
      leave: () => viewer.tool !== null && this.#take(null),
    };
    return actions[asked.do]() !== false;
  }

  #nextPlane() {
    const viewer = this.#viewer;
    if (!part(viewer.figure, "planes") || !viewer.canBeCut) return false;
    const now = PLANES.indexOf(viewer.plane ?? viewer.listing.plane);
    this.#cut(PLANES[(now + 1) % PLANES.length]);
    return true;
  }

  async #cut(plane) {
    const done = await this.#viewer.cut(plane);
    announce(done ? `${plane} view` : "Not all slices could be loaded, so no other plane can be cut.");
  }

  #undo() {
    const viewer = this.#viewer;
    if (!viewer.measurements.on(viewer.at).length) return false;
    viewer.measurements.undo(viewer.at);
    viewer.redraw();
    return true;
  }

  #zoom(point) {
    const viewer = this.#viewer;
    if (viewer.view.zoom !== 1) viewer.setView(FIT);
    else viewer.enlarge(CLOSE, point ?? undefined);
  }

  #aim({ x, y }) {
    const at = this.#viewer.aim ?? { x: 0.5, y: 0.5 };
    const aim = inside({ x: at.x + x, y: at.y + y });
    this.#viewer.set("aim", aim);
    if (this.#viewer.draft?.a) this.#viewer.set("draft", { a: this.#viewer.draft.a, b: aim });
  }

  #setPoint() {
    const viewer = this.#viewer;
    if (!viewer.aim) return false;
    if (viewer.tool === "mark") this.#marked(viewer.aim, null);
    else if (viewer.draft?.a) this.#measured(viewer.draft.a, viewer.aim);
    else viewer.set("draft", { a: viewer.aim, b: viewer.aim });
    return true;
  }

  /** Switch a tool on; one that is on is switched off, unless it has to stay. */
  #take(name, stay = false) {
    const viewer = this.#viewer;
    const tool = viewer.tool === name && !stay ? null : name;
    viewer.draft = null;
    viewer.aim = null;
    viewer.set("tool", tool);
    announce(tool ? SAID[tool] : "Tool laid down.");
    return true;
  }

  #toggle(name) {
    const viewer = this.#viewer;
    if (!part(viewer.figure, name)) return false;
    viewer.set(name, !viewer[name]);
    if (REMEMBERED.includes(name)) viewer.preferences.set(name, viewer[name] ? "on" : "off");
    return true;
  }

  #click(event) {
    const button = event.target.closest("[data-toggle], [data-tool], [data-act], [data-plane]");
    if (!button) return;
    if (button.dataset.plane) this.#cut(button.dataset.plane);
    else if (button.dataset.toggle) this.#toggle(button.dataset.toggle);
    else if (button.dataset.tool) this.#take(button.dataset.tool);
    else this.#obey({ do: button.dataset.act, factor: 1.5 });
  }

  #input(event) {
    if (!event.target.matches("[data-opacity]")) return;
    const viewer = this.#viewer;
    viewer.preferences.set("opacity", event.target.value);
    viewer.set("opacity", Number(event.target.value));
    if (!viewer.mapped) this.#toggle("mapped");
  }

  #choose(event) {
    if (event.target !== part(this.#viewer.figure, "window")) return;
    this.#viewer.choose(event.target.value);
    this.#viewer.preferences.set("window", event.target.value);
    // A list that was opened by mouse would swallow the keys that turn slices.
    if (this.byMouse) this.#viewer.stage.focus({ preventScroll: true });
  }

  /** Show on the controls what is on. */
  #reflect(what) {
    const viewer = this.#viewer;
    const { figure } = viewer;
    if (what === "offer" || what === "all") this.#offerWindows();
    if (what === "window" || what === "offer") this.#showWindow();
    if (what === "plane" || what === "all") this.#offerPlanes();
    if (what === "slice") {
      const overlay = part(figure, "overlay");
      if (overlay) {
        overlay.hidden = !viewer.slice.overlay;
        overlay.href = viewer.slice.overlay ?? "";
        overlay.download = `slice-${viewer.slice.number}-evidence.png`;
      }
      return;
    }
    for (const button of figure.querySelectorAll("[data-toggle]")) {
      button.setAttribute("aria-pressed", String(viewer[button.dataset.toggle]));
    }
    for (const button of figure.querySelectorAll("[data-tool]")) {
      button.setAttribute("aria-pressed", String(viewer.tool === button.dataset.tool));
    }
    figure.dataset.mode = viewer.tool ?? "";
    figure.classList.toggle("zoomed", viewer.view.zoom > 1);
    const slider = figure.querySelector("[data-opacity]");
    if (slider) {
      slider.value = viewer.opacity;
      slider.setAttribute("aria-valuetext", `${viewer.opacity} %`);
    }
  }

  #offerPlanes() {
    const viewer = this.#viewer;
    const group = part(viewer.figure, "planes");
    if (!group) return;
    group.hidden = !viewer.canBeCut;
    for (const button of group.querySelectorAll("[data-plane]")) {
      button.setAttribute("aria-pressed", String(button.dataset.plane === (viewer.plane ?? viewer.listing?.plane)));
    }
  }

  #offerWindows() {
    const select = part(this.#viewer.figure, "window");
    const { values } = this.#viewer;
    if (!values) return;
    const offered = choices(values).map(({ value, text }) => new Option(text, value));
    select.replaceChildren(...offered);
    select.disabled = false;
  }

  #showWindow() {
    const viewer = this.#viewer;
    const select = part(viewer.figure, "window");
    select.querySelector('option[value="own"]')?.remove();
    if (viewer.choice === "own") select.append(new Option(words(viewer.shownBounds), "own"));
    select.value = viewer.choice;
  }
}
