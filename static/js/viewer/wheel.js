// One notch of the wheel is one slice, however the mouse counts: in pixels (a notch is 50 to 150 of them, by browser and
// system), in lines (1 to 3), or in pages. A touchpad sends many small steps, which add up.

const NOTCH = 50; // pixels from which a step is a notch of a wheel
const PIXELS_A_NOTCH = 120;
const LINES_A_NOTCH = 3;
const PIXELS_A_SLICE = 40; // of a touchpad
const PAUSE = 250; // milliseconds after which a part of a step is discarded
const ZOOM_A_NOTCH = 1.2;
const ZOOM_A_PIXEL = 0.01; // of a pinch on a touchpad, which browsers report as a wheel with Ctrl held

const PIXEL_MODE = 0;
const LINE_MODE = 1;

function notches({ deltaMode, deltaY }) {
  if (deltaMode === PIXEL_MODE) {
    if (Math.abs(deltaY) < NOTCH) return null;
    return Math.sign(deltaY) * Math.max(1, Math.round(Math.abs(deltaY) / PIXELS_A_NOTCH));
  }
  const each = deltaMode === LINE_MODE ? LINES_A_NOTCH : 1;
  return Math.sign(deltaY) * Math.max(1, Math.round(Math.abs(deltaY) / each));
}

export class Wheel {
  #rest = 0;
  #last = Number.NEGATIVE_INFINITY;

  /** Whole slices since the last call; positive downwards. */
  turn(event) {
    if (!event.deltaY) return 0; // sideways only
    const whole = notches(event);
    if (event.timeStamp - this.#last > PAUSE || Math.sign(event.deltaY) !== Math.sign(this.#rest)) this.#rest = 0;
    this.#last = event.timeStamp;
    if (whole !== null) {
      this.#rest = 0;
      return whole;
    }
    this.#rest += event.deltaY / PIXELS_A_SLICE;
    const steps = Math.trunc(this.#rest);
    this.#rest -= steps;
    return steps || 0; // not -0
  }
}

/** The zoom factor of a turn of the wheel with Ctrl, or of a pinch on a touchpad. */
export function zoomFactor(event) {
  const whole = notches(event);
  return whole === null ? Math.exp(-event.deltaY * ZOOM_A_PIXEL) : ZOOM_A_NOTCH ** -whole;
}
