import assert from "node:assert/strict";
import { test } from "node:test";

const form = {
  action: "https://site/upload/",
  dataset: { rows: "/upload/rows/", dismiss: "/upload/rows/dismiss/", user: "7" },
  elements: { csrfmiddlewaretoken: { value: "token" } },
};
globalThis.document = { getElementById: () => form, adoptNode: (row) => row };
globalThis.DOMParser = class {
  parseFromString(text) {
    return { querySelectorAll: () => text.split(" ") };
  }
};
const { announce, dismiss, isElsewhere, LoggedOut, read } = await import("../../../../static/js/upload/kept.js");

/** What the site is asked, if it answers like this. */
function answering({ status = 200, redirected = false, person = "7", text = "" } = {}) {
  const asked = [];
  globalThis.fetch = async (address, options) => {
    asked.push([address, options.method ?? "GET", [...(options.body?.entries() ?? [])]]);
    const headers = new Headers(person === null ? {} : { "X-Person": person });
    return { ok: status < 400, status, redirected, headers, text: async () => text };
  };
  return asked;
}

test("files are announced with their case, and those that are too large with that", async () => {
  const asked = answering({ status: 204 });
  const jobs = [
    { key: "a", file: { name: "1.png", size: 10 }, problem: null },
    { key: "b", file: { name: "2.png", size: 99 }, problem: "Too large." },
  ];
  await announce(jobs, "CA-1");
  const [[address, method, fields]] = asked;
  assert.deepEqual([address, method], ["/upload/rows/", "POST"]);
  const { rows, ...others } = Object.fromEntries(fields);
  assert.deepEqual(others, { csrfmiddlewaretoken: "token", case: "CA-1" });
  assert.deepEqual(JSON.parse(rows), [
    { key: "a", name: "1.png", size: 10, too_large: false },
    { key: "b", name: "2.png", size: 99, too_large: true },
  ]);
});

test("several keys are several fields of one request", async () => {
  const asked = answering({ status: 302 });
  await dismiss({ key: ["a", "b"] });
  assert.deepEqual(asked[0][2].slice(1), [
    ["key", "a"],
    ["key", "b"],
  ]);
});

test("the list is what the site has", async () => {
  answering({ text: "one two" });
  assert.deepEqual(await read(), ["one", "two"]);
});

test("an answer that is not for this person means that they are logged out", async () => {
  for (const answer of [{ redirected: true }, { status: 403 }, { person: "8" }]) {
    answering(answer);
    await assert.rejects(read(), LoggedOut, JSON.stringify(answer));
  }
});

test("an error of the site is no logout, and says its number", async () => {
  answering({ status: 500 });
  await assert.rejects(read(), (error) => !(error instanceof LoggedOut) && /500/.test(error.message));
});

test("only the address of the upload itself is the answer to an upload", () => {
  assert.equal(isElsewhere("https://site/upload/?x=1"), false);
  assert.equal(isElsewhere("https://site/login/?next=/upload/"), true);
});
