import assert from "node:assert/strict";
import { test } from "node:test";
import { answerFrom, decode, encode, optionsFrom, sentenceOf } from "../../../../static/js/lib/passkeys.js";

test("every byte comes back, without padding or letters that an address would escape", () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, at) => at);
  for (const length of [0, 1, 2, 3, 255, 256]) {
    const text = encode(bytes.slice(0, length).buffer);
    assert.match(text, /^[\w-]*$/);
    assert.deepEqual(decode(text), bytes.slice(0, length));
  }
});

test("bytes beyond the part that is looked at are not sent", () => {
  assert.equal(encode(new Uint8Array([1, 2, 3, 4]).subarray(1, 3)), encode(new Uint8Array([2, 3])));
});

test("options for a new passkey", () => {
  const options = optionsFrom({
    challenge: "AQI",
    rp: { id: "localhost" },
    user: { id: "Aw", name: "ada" },
    excludeCredentials: [{ type: "public-key", id: "BA" }],
  });
  assert.deepEqual(options.challenge, new Uint8Array([1, 2]));
  assert.deepEqual(options.user, { id: new Uint8Array([3]), name: "ada" });
  assert.deepEqual(options.excludeCredentials, [{ type: "public-key", id: new Uint8Array([4]) }]);
  assert.equal(options.rp.id, "localhost");
  assert.equal("allowCredentials" in options, false);
});

test("options for a passkey that there is", () => {
  assert.deepEqual(Object.keys(optionsFrom({ challenge: "AQI", rpId: "localhost" })), ["challenge", "rpId"]);
  const options = optionsFrom({ challenge: "AQI", allowCredentials: [{ type: "public-key", id: "BA" }] });
  assert.deepEqual(options.allowCredentials[0].id, new Uint8Array([4]));
});

test("an answer holds what there is, as text", () => {
  const bytes = new Uint8Array([1]).buffer;
  const response = { clientDataJSON: bytes, authenticatorData: bytes, signature: bytes, userHandle: null };
  const answer = answerFrom({ id: "AQ", rawId: bytes, type: "public-key", response });
  assert.deepEqual(JSON.parse(JSON.stringify(answer)), {
    id: "AQ",
    rawId: "AQ",
    type: "public-key",
    response: { clientDataJSON: "AQ", authenticatorData: "AQ", signature: "AQ" },
  });
});

test("each way to fail has its sentence, an unknown one too", () => {
  assert.match(sentenceOf({ name: "NotAllowedError" }), /canceled/);
  assert.match(sentenceOf({ name: "InvalidStateError" }), /already/);
  assert.match(sentenceOf(new Error("anything")), /another way/);
});
