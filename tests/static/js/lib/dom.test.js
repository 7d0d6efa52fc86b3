import assert from "node:assert/strict";
import { test } from "node:test";
import { isShortcut } from "../../../../static/js/lib/dom.js";

const on = (field) => ({ closest: () => field });

test("a key is a shortcut unless a modifier is held or somebody types", () => {
  assert.ok(isShortcut({ target: on(null) }));
  assert.ok(!isShortcut({ target: on({}) }));
  for (const modifier of ["ctrlKey", "metaKey", "altKey"]) {
    assert.ok(!isShortcut({ target: on(null), [modifier]: true }), modifier);
  }
});

test("check boxes, radio buttons and sliders leave the keys that they do not know", () => {
  const press = (type, key) => isShortcut({ target: on({ type }), key });
  assert.deepEqual([press("checkbox", "Home"), press("checkbox", "m"), press("checkbox", " ")], [true, true, false]);
  assert.deepEqual([press("range", "m"), press("range", "ArrowUp"), press("range", "End")], [true, false, false]);
  assert.deepEqual([press("radio", "s"), press("radio", "ArrowUp"), press("radio", " ")], [true, false, false]);
  assert.ok(!press("text", "m"));
});
