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

const source = (path) => readFileSync(new URL(`../../../../${path}`, import.meta.url), "utf8");
const shown = new Set(
  [...source("templates/_components/keys.html").matchAll(/<kbd>([^<]+)<\/kbd>/g)].map((match) => match[1]),
);
const names = {
  "-": "−",
  PageUp: "Page ↑",
  PageDown: "Page ↓",
  ArrowUp: "↑",
  ArrowDown: "↓",
  ArrowLeft: "←",
  ArrowRight: "→",
  Escape: "Esc",
};

test("every key of the page's other scripts is in it, too", () => {
  const taken = [
    [/event\.key === "([^"]+)"/g, ["app", "desk", "review", "worklist"]],
    [/^ {2}(\w+): "/gm, ["walk"]],
    [/"(\d)"/g, ["review"]],
  ].flatMap(([pattern, files]) =>
    files.flatMap((file) => [...source(`static/js/${file}.js`).matchAll(pattern)].map((match) => match[1])),
  );
  const buttons = source("templates/diagnosis/_fragments/review.html").matchAll(/data-review-key="(.)"/g);
  const keys = new Set([...taken, ...[...buttons].map((match) => match[1])]);
  assert.ok(keys.size > 15);
  assert.deepEqual(
    [...keys].filter((key) => !shown.has(names[key] ?? key)),
    [],
  );
});

test("every key of the viewer is in the list that the question mark shows", () => {
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
