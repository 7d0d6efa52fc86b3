// Turns mouse, pen, touch and wheel on the stage into commands. A mouse drag uses the current tool; with Shift or the
// middle button it moves the image, with the right button it sets the window. One finger turns slices by swiping
// sideways, so that the page still scrolls, or moves an enlarged image; two fingers enlarge and move.

import { pinch } from "./geometry.js";
import { Wheel, zoomFactor } from "./wheel.js";

const SWIPE = 24; // pixels a slice
const STILL = 4; // pixels within which a press is a click
const MIDDLE = 1;
const RIGHT = 2;

/** on: hasSlices(), hover(point), twice(point), zoom(factor, point), pan(by), window(by), slices(count), press(tool, point),
 * drag(tool, point), release(tool, point, moved), cancel(). state: has `tool` (null without one) and `enlarged`. */
export class Gestures {
  #pointers = new Map();
  #wheel = new Wheel();
  #gesture = null;
  #start = null;
  #swiped = 0;
  #pinch = null;

  constructor(stage, state, on) {
    Object.assign(this, { stage, state, on });
    stage.addEventListener("wheel", (event) => this.#turn(event), { passive: false });
    stage.addEventListener("pointerdown", (event) => this.#down(event));
    stage.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, (event) => this.#up(event));
    stage.addEventListener("contextmenu", (event) => event.preventDefault());
    stage.addEventListener("dblclick", (event) => this.on.twice(this.#point(event)));
  }

  #point({ clientX, clientY }) {
    const box = this.stage.getBoundingClientRect();
    return { x: clientX - box.left, y: clientY - box.top };
  }

  #turn(event) {
    if (event.ctrlKey) {
      event.preventDefault();
      this.on.zoom(zoomFactor(event), this.#point(event));
      return;
    }
    if (!this.on.hasSlices()) return; // a single image leaves the wheel to the page
    event.preventDefault();
    const steps = this.#wheel.turn(event);
    if (steps) this.on.slices(steps);
  }

  #gestureOf(event) {
    if (event.button === MIDDLE || (event.shiftKey && event.button === 0)) return "pan";
    if (event.button === RIGHT) return "window";
    if (this.state.tool) return this.state.tool;
    if (event.pointerType !== "touch") return "window";
    return this.state.enlarged ? "pan" : "swipe";
  }

  #down(event) {
    const point = this.#point(event);
    this.#pointers.set(event.pointerId, point);
    this.stage.setPointerCapture(event.pointerId);
    if (event.button === MIDDLE) event.preventDefault(); // no autoscroll
    if (this.#pointers.size === 2) {
      if (this.#gesture) this.on.cancel();
      this.#gesture = "pinch";
      this.#pinch = pinch(...this.#pointers.values());
      return;
    }
    if (this.#pointers.size > 2) return;
    this.#gesture = this.#gestureOf(event);
    this.#start = point;
    this.#swiped = 0;
    this.on.press(this.#gesture, point);
  }

  #move(event) {
    const before = this.#pointers.get(event.pointerId);
    if (!before) {
      this.on.hover(this.#point(event));
      return;
    }
    const point = this.#point(event);
    this.#pointers.set(event.pointerId, point);
    const by = { x: point.x - before.x, y: point.y - before.y };
    if (this.#gesture === "pinch") this.#pinched();
    else if (this.#gesture === "pan") this.on.pan(by);
    else if (this.#gesture === "window") this.on.window(by);
    else if (this.#gesture === "swipe") this.#swipe(point);
    else if (this.#gesture) this.on.drag(this.#gesture, point);
  }

  #pinched() {
    const [one, other] = this.#pointers.values();
    if (!other) return;
    const now = pinch(one, other);
    this.on.pan({ x: now.x - this.#pinch.x, y: now.y - this.#pinch.y });
    this.on.zoom(now.distance / this.#pinch.distance, now);
    this.#pinch = now;
  }

  #swipe(point) {
    const slices = Math.trunc((this.#start.x - point.x) / SWIPE);
    if (slices === this.#swiped) return;
    this.on.slices(slices - this.#swiped);
    this.#swiped = slices;
  }

  #up(event) {
    if (!this.#pointers.delete(event.pointerId)) return;
    if (this.#gesture === "pinch") {
      if (this.#pointers.size === 0) this.#gesture = null;
      return;
    }
    const point = this.#point(event);
    const moved = Math.hypot(point.x - this.#start.x, point.y - this.#start.y) > STILL;
    if (event.type === "pointercancel") this.on.cancel();
    else if (this.#gesture) this.on.release(this.#gesture, point, moved);
    this.#gesture = null;
  }
}
