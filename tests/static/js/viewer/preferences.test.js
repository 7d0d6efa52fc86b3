import assert from "node:assert/strict";
import { test } from "node:test";
import { Preferences } from "../../../../static/js/viewer/preferences.js";
import { memoryStorage } from "../memory_storage.js";

test("a reader's choices are there the next time, and are not another's at the same workstation", () => {
  const workstation = memoryStorage();
  const [mine, theirs] = [new Preferences("7", () => workstation), new Preferences("8", () => workstation)];
  mine.set("map", "off");
  mine.set("opacity", 40);
  assert.deepEqual([mine.isOn("map"), mine.percent("opacity")], [false, 40]);
  assert.equal(new Preferences("7", () => workstation).isOn("map"), false);
  assert.deepEqual([theirs.isOn("map"), theirs.percent("opacity")], [true, null]);
  mine.set("map", null);
  assert.equal(mine.isOn("map"), true);
});

test("an opacity that makes no sense is none", () => {
  const workstation = memoryStorage();
  const mine = new Preferences("7", () => workstation);
  for (const value of ["much", "101", "-1"]) {
    mine.set("opacity", value);
    assert.equal(mine.percent("opacity"), null);
  }
});
