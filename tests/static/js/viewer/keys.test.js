import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { command } from "../../../../static/js/viewer/keys.js";

const press = (key, { shiftKey = false, aiming = false } = {}) => command({ key, shiftKey }, aiming);

test("arrows turn slices, and left and right stay the page's", () => {
  assert.deepEqual(press("ArrowDown"), { do: "slice", by: 1 });
  assert.deepEqual(press("Home"), { do: "slice", by: -Infinity });
  assert.equal(press("ArrowLeft"), null);
  assert.equal(press("j"), null);
});

test("with Shift they move the image, and with a tool they aim", () => {
  assert.deepEqual(press("ArrowLeft", { shiftKey: true }), { do: "pan", x: 60, y: -0 });
  assert.deepEqual(press("ArrowLeft", { aiming: true }), { do: "aim", x: -0.01, y: 0 });
  assert.deepEqual(press("ArrowUp", { aiming: true, shiftKey: true }), { do: "aim", x: 0, y: -0.002 });
  assert.deepEqual(press("PageDown", { aiming: true }), { do: "slice", by: 10 });
  assert.deepEqual(press("Enter", { aiming: true }), { do: "set" });
  assert.equal(press("Enter"), null);
});

test("every key of the viewer is in the list that the question mark shows", () => {
  const list = readFileSync(new URL("../../../../templates/_components/keys.html", import.meta.url), "utf8");
  const shown = new Set([...list.matchAll(/<kbd>([^<]+)<\/kbd>/g)].map((match) => match[1]));
  const names = { "-": "−", PageUp: "Page ↑", PageDown: "Page ↓", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc" };
  const keys = [
    "ArrowUp",
    "ArrowDown",
    "PageUp",
    "PageDown",
    "Home",
    "End",
    "+",
    "-",
    "Delete",
    "Escape",
    ...",.[]0zimbctwvdx",
  ];
  for (const key of keys) {
    assert.ok(press(key), `${key} does nothing`);
    assert.ok(shown.has(names[key] ?? key), `${key} is not in the list`);
  }
});
