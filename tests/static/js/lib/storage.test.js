import assert from "node:assert/strict";
import { test } from "node:test";
import { read, write } from "../../../../static/js/lib/storage.js";
import { memoryStorage } from "../memory_storage.js";

function blocked() {
  throw new Error("storage is blocked");
}

test("a choice is kept until it is taken back", () => {
  const kept = memoryStorage();
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
