import assert from "node:assert/strict";
import { test } from "node:test";
import { read, write } from "../../../../static/js/lib/storage.js";

function storage() {
  const values = new Map();
  return {
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => values.set(key, value),
    removeItem: (key) => values.delete(key),
  };
}

function blocked() {
  throw new Error("storage is blocked");
}

test("a choice is kept until it is taken back", () => {
  const kept = storage();
  write("theme", "dark", () => kept);
  assert.equal(
    read("theme", () => kept),
    "dark",
  );
  write("theme", null, () => kept);
  assert.equal(
    read("theme", () => kept),
    null,
  );
});

test("blocked storage keeps nothing and breaks nothing", () => {
  write("theme", "dark", blocked);
  assert.equal(read("theme", blocked), null);
});
