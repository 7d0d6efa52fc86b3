import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "../../../../static/js/viewer/block.js";
import { PixelStore, wantedBlocks } from "../../../../static/js/viewer/store.js";

const settled = () => new Promise((resolve) => setImmediate(resolve));

/** An answer as the site packs it: `count` slices of 2 × 2 samples, each 16 bits. */
function answer(first, count) {
  const slices = Array.from({ length: count }, (_, at) => ({ rows: 2, columns: 2, bits: 16, at: 8 * at }));
  const text = JSON.stringify({ first, slices });
  const header = text + " ".repeat((8 - ((4 + text.length) % 8)) % 8);
  const bytes = new Uint8Array(4 + header.length + 8 * count);
  new DataView(bytes.buffer).setUint32(0, header.length, true);
  bytes.set(new TextEncoder().encode(header), 4);
  for (let at = 0; at < count; at += 1) {
    const from = 4 + header.length + 8 * at;
    bytes.set([1, 0, 2, 0], from); // upper bytes
    bytes.set([first + at, 7, 0, 255], from + 4); // lower bytes
  }
  return bytes.buffer;
}

test("an answer is unpacked into samples", () => {
  const { first, slices } = parse(answer(8, 3));
  assert.deepEqual([first, slices.length], [8, 3]);
  assert.deepEqual([...slices[2].samples], [266, 7, 512, 255]);
});

test("samples of eight bits are taken as they are", () => {
  const text = '{"first":0,"slices":[{"rows":1,"columns":3,"bits":8,"at":0}]}  ';
  const bytes = new Uint8Array(4 + text.length + 3);
  new DataView(bytes.buffer).setUint32(0, text.length, true);
  bytes.set(new TextEncoder().encode(text), 4);
  bytes.set([5, 6, 255], 4 + text.length);
  assert.deepEqual([...parse(bytes.buffer).slices[0].samples], [5, 6, 255]);
});

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
