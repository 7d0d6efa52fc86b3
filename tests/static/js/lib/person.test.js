import assert from "node:assert/strict";
import { test } from "node:test";
import { isForeign, isOther } from "../../../../static/js/lib/person.js";

test("an answer that names nobody is for no other person", () => {
  assert.equal(isOther("7", "7"), false);
  assert.equal(isOther("8", "7"), true);
  assert.equal(isOther(null, "7"), false);
  assert.equal(isOther("8", undefined), false);
});

test("the login page and another person's answer are foreign", () => {
  const page = { login: "/login/", user: "7" };
  assert.equal(isForeign("https://site/login/?next=/", null, page), true);
  assert.equal(isForeign("https://site/status/", "8", page), true);
  assert.equal(isForeign("https://site/status/", "7", page), false);
  assert.equal(isForeign("", null, page), false);
});
