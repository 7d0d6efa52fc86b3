// What each key does in the viewer. The list that `?` shows is in templates/_components/keys.html.

export const SLICES = { ArrowUp: -1, ArrowDown: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };
export const TOOLS = { w: "window", v: "pan", d: "measure", x: "mark" };
export const SWITCHES = { i: "inverted", m: "mapped", b: "boxed" };
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const WINDOW = { "[": [-1, 0], "]": [1, 0], ",": [0, 1], ".": [0, -1] };
const ZOOM = { "+": 1.25, "=": 1.25, "-": 0.8 };
const OTHERS = { z: "zoom", 0: "reset", c: "cine", t: "plane", Escape: "leave", Backspace: "undo", Delete: "undo" };

const PAN = 60; // pixels a key press
const DRAG = 20; // pixels of dragging that a key press stands for
const FINE = 0.002; // fractions of the image by which a key moves the cross
const COARSE = 0.01;

/** The command of a key press: {do, ...}, or null. aiming: whether a tool is on that the arrows aim. */
export function command({ key, shiftKey }, aiming) {
  const arrow = ARROWS[key];
  if (arrow && aiming) {
    const step = shiftKey ? FINE : COARSE;
    return { do: "aim", x: arrow[0] * step, y: arrow[1] * step };
  }
  if (key === "Enter" && aiming) return { do: "set" };
  if (arrow && shiftKey) return { do: "pan", x: -arrow[0] * PAN, y: -arrow[1] * PAN };
  if (key in SLICES) return { do: "slice", by: SLICES[key] };
  if (key in WINDOW) return { do: "window", x: WINDOW[key][0] * DRAG, y: WINDOW[key][1] * DRAG };
  if (key in ZOOM) return { do: "enlarge", factor: ZOOM[key] };
  if (key in TOOLS) return { do: "tool", name: TOOLS[key] };
  if (key in SWITCHES) return { do: "switch", name: SWITCHES[key] };
  return key in OTHERS ? { do: OTHERS[key] } : null;
}
