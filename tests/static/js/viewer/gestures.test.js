import assert from "node:assert/strict";
import { test } from "node:test";
import { Gestures } from "../../../../static/js/viewer/gestures.js";

const [LEFT, MIDDLE, RIGHT] = [0, 1, 2];

/** A stage at (100, 50) of the page, and what its gestures ask for: [name, ...arguments]. */
function stage({ tool = null, enlarged = false, slices = true } = {}) {
  const asked = [];
  const made = new EventTarget();
  made.getBoundingClientRect = () => ({ left: 100, top: 50 });
  made.setPointerCapture = () => {};
  const note = (name) => [name, (...given) => asked.push([name, ...given])];
  const names = ["hover", "twice", "zoom", "pan", "window", "slices", "press", "drag", "release", "cancel"];
  const on = { hasSlices: () => slices, ...Object.fromEntries(names.map(note)) };
  new Gestures(made, { tool, enlarged }, on);
  const send = (type, x, y, more = {}) => {
    const event = new Event(type, { cancelable: true });
    const mouse = { pointerId: 1, pointerType: "mouse", button: LEFT, shiftKey: false, ctrlKey: false };
    made.dispatchEvent(Object.assign(event, mouse, { clientX: 100 + x, clientY: 50 + y }, more));
    return event;
  };
  return { send, asked, of: (name) => asked.filter(([one]) => one === name).map(([, ...given]) => given) };
}

/** What one step to the right, pressed with this button or kind of pointer, asks for. */
function stepRight(pressed, state) {
  const { send, asked } = stage(state);
  send("pointerdown", 10, 10, pressed);
  send("pointermove", 40, 10, pressed);
  return asked.at(-1);
}

const FINGER = { pointerType: "touch" };

test("a mouse drag sets the window, or uses the tool; other buttons and Shift do not ask for a tool", () => {
  assert.deepEqual(stepRight({}), ["window", { x: 30, y: 0 }]);
  assert.deepEqual(stepRight({}, { tool: "measure" }), ["drag", "measure", { x: 40, y: 10 }]);
  for (const pressed of [{ button: MIDDLE }, { shiftKey: true }]) {
    assert.deepEqual(stepRight(pressed, { tool: "measure" }), ["pan", { x: 30, y: 0 }]);
  }
  assert.deepEqual(stepRight({ button: RIGHT }, { tool: "measure" }), ["window", { x: 30, y: 0 }]);
});

test("one finger turns slices, forwards to the left, and moves an image that is enlarged", () => {
  assert.deepEqual(stepRight(FINGER), ["slices", -1]);
  assert.deepEqual(stepRight(FINGER, { enlarged: true }), ["pan", { x: 30, y: 0 }]);
  const { send, of } = stage();
  send("pointerdown", 200, 0, FINGER);
  for (const x of [190, 170, 150, 148, 200]) send("pointermove", x, 0, FINGER);
  assert.deepEqual(of("slices"), [[1], [1], [-2]]);
});

test("two fingers enlarge about their middle and move, and what one had begun is taken back", () => {
  const { send, asked } = stage({ tool: "measure" });
  send("pointerdown", 0, 0, FINGER);
  send("pointerdown", 20, 0, { ...FINGER, pointerId: 2 });
  send("pointermove", 60, 0, { ...FINGER, pointerId: 2 });
  assert.deepEqual(asked.slice(1), [["cancel"], ["pan", { x: 20, y: 0 }], ["zoom", 3, { distance: 60, x: 30, y: 0 }]]);
  send("pointermove", 80, 0, { ...FINGER, pointerId: 2 });
  assert.deepEqual(asked.slice(4), [
    ["pan", { x: 10, y: 0 }],
    ["zoom", 80 / 60, { distance: 80, x: 40, y: 0 }],
  ]);
  const before = asked.length;
  send("pointerup", 80, 0, { ...FINGER, pointerId: 2 });
  send("pointermove", 5, 5, FINGER); // the finger that is left moves nothing
  send("pointerup", 5, 5, FINGER);
  assert.equal(asked.length, before);
  send("pointerdown", 0, 0, FINGER);
  send("pointerup", 0, 0, FINGER);
  assert.deepEqual(asked.at(-1), ["release", "measure", { x: 0, y: 0 }, false]);
});

test("a press within four pixels is a click; one that the browser takes over is canceled", () => {
  for (const [x, moved] of [
    [13, false],
    [15, true],
  ]) {
    const { send, of } = stage({ tool: "mark" });
    send("pointerdown", 10, 10);
    send("pointerup", x, 10);
    assert.deepEqual(of("release"), [["mark", { x, y: 10 }, moved]]);
  }
  const { send, asked } = stage({ tool: "mark" });
  send("pointerdown", 10, 10);
  send("pointercancel", 90, 10);
  assert.deepEqual(asked.at(-1), ["cancel"]);
  send("pointermove", 20, 10);
  assert.deepEqual(asked.at(-1), ["hover", { x: 20, y: 10 }]);
});

test("the wheel turns slices, and enlarges with Ctrl; a single image leaves it to the page", () => {
  const turned = (more, state) => {
    const { send, asked } = stage(state);
    const { defaultPrevented } = send("wheel", 7, 8, { deltaMode: 0, deltaY: 100, ...more });
    return [asked, defaultPrevented];
  };
  assert.deepEqual(turned({}), [[["slices", 1]], true]);
  assert.deepEqual(turned({ deltaY: -100, ctrlKey: true }), [[["zoom", 1.2, { x: 7, y: 8 }]], true]);
  assert.deepEqual(turned({}, { slices: false }), [[], false]);
});
