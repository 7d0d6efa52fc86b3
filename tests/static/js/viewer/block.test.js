import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesOf, parse } from "../../../../static/js/viewer/block.js";
import { answer } from "../pixel_answer.js";

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

test("a slice takes two bytes a sample where its samples have sixteen bits", () => {
  assert.equal(bytesOf(parse(answer(0, 1)).slices[0]), 8);
});
