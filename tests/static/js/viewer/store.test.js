import assert from "node:assert/strict";
import { test } from "node:test";
import { PixelStore, wantedBlocks } from "../../../../static/js/viewer/store.js";
import { answer } from "../pixel_answer.js";

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("the block on view comes first, then those in the direction of travel", () => {
  assert.deepEqual(wantedBlocks(40, 1, 300, 8), [5, 6, 7, 8, 9, 4]);
  assert.deepEqual(wantedBlocks(40, -1, 300, 8), [5, 4, 3, 2, 1, 6]);
  assert.deepEqual(wantedBlocks(2, -1, 9, 8), [0, 1]);
});

function store(options = {}) {
  const asked = [];
  const loaded = [];
  const made = new PixelStore({
    count: 300,
    size: 8,
    load: async (first) => {
      asked.push(first);
      return answer(first, 8);
    },
    onLoad: (from, to) => loaded.push([from, to]),
    ...options,
  });
  return { made, asked, loaded };
}

test("slices are there once their block has come", async () => {
  const { made, asked, loaded } = store();
  assert.equal(made.get(17), null);
  made.want(17, 1);
  assert.deepEqual(asked, [16, 24, 32]); // three at once
  await settled();
  assert.equal(made.get(17).samples[0], 256 + 17);
  assert.deepEqual(loaded[0], [16, 24]);
  made.want(17, 1);
  await settled();
  assert.equal(new Set(asked).size, asked.length); // nothing twice
});

test("all slices can be had at once, each block fetched once", async () => {
  const { made, asked } = store({ count: 80 });
  made.want(17, 1);
  const counts = [];
  const slices = await made.all((count) => counts.push(count));
  assert.deepEqual([slices.length, slices[79].samples[0], counts.at(-1)], [80, 256 + 79, 80]);
  assert.deepEqual(
    [...asked].sort((a, b) => a - b),
    [0, 8, 16, 24, 32, 40, 48, 56, 64, 72],
  );
  assert.equal(await store({ count: 80, load: () => Promise.reject(new Error("gone")) }).made.all(() => {}), null);
});

test("memory has a bound, and the slice on view stays", async () => {
  const { made } = store({ limit: 4 * 64 });
  for (const index of [0, 80, 160, 240, 299]) {
    made.want(index, 1);
    await settled();
    assert.ok(made.get(index), `slice ${index}`);
    assert.ok(made.bytes <= 4 * 64, `${made.bytes} bytes`);
  }
  assert.equal(made.get(0), null);
});

test("a block that can't be had is not asked for again", async () => {
  const asked = [];
  const load = async (first) => {
    asked.push(first);
    throw new Error("404");
  };
  const { made } = store({ count: 8, load });
  made.want(3, 1);
  await settled();
  made.want(4, 1);
  await settled();
  assert.deepEqual([asked, made.failed(3), made.get(3)], [[0], true, null]);
});
