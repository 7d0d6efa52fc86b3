import assert from "node:assert/strict";
import { test } from "node:test";

// What a page gives a viewer, as far as these tests need it.
const nothing = new Proxy(() => nothing, {
  get: (_, name) => (name === Symbol.toPrimitive ? () => 0 : name === Symbol.iterator ? [][name].bind([]) : nothing),
  set: () => true,
});
Object.assign(globalThis, {
  document: {
    createElement: () => nothing,
    createElementNS: () => nothing,
    getElementById: () => null,
    addEventListener: () => {},
    body: { dataset: { login: "/login/", user: "7" } },
  },
  ResizeObserver: class {
    observe() {}
    disconnect() {}
  },
  requestAnimationFrame: () => 1,
  cancelAnimationFrame: () => {},
});
const { open } = await import("../../../../static/js/viewer/open.js");

const slices = [1, 2].map((id) => ({ id, number: id, probability: 0.9, status: "tumor", label: "Tumor 0.90" }));
const listing = { slices, pixels: "/pixels/", block: 8, version: "1", plane: "", letters: "", active: false };

/** The list of slices that a page of person 7 shows, of an answer for this person. */
async function shown(person) {
  const asked = [];
  globalThis.fetch = async (address, { headers } = {}) => {
    if (address !== "/slices/") throw new Error("offline");
    asked.push(headers);
    const told = "X-Requested-With" in headers ? { "X-Person": person } : {};
    return { ok: true, url: "https://site/slices/", headers: new Headers(told), json: async () => listing };
  };
  const figure = { dataset: { viewer: "/slices/" }, querySelector: () => nothing, querySelectorAll: () => [] };
  const opened = open({ ...figure, addEventListener: () => {}, classList: nothing });
  await new Promise((done) => setTimeout(done, 20));
  opened.close();
  assert.equal(asked.length, 1);
  return opened.viewer.slices.map(({ label }) => label);
}

test("the page shows what its person may know of the slices, and nothing of what another one may", async () => {
  assert.deepEqual(await shown("7"), ["Tumor 0.90", "Tumor 0.90"]);
  assert.deepEqual(await shown("8"), []);
});
