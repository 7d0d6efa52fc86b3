import assert from "node:assert/strict";
import { mock, test } from "node:test";

// Two other tabs speak on the channel by hand; this one is the module.
const posted = [];
let hear;
const listeners = new Map();
const listen = (name, heard) => listeners.set(name, heard);
Object.assign(globalThis, {
  BroadcastChannel: class {
    addEventListener(_, heard) {
      hear = (data) => heard({ data });
    }
    postMessage(data) {
      posted.push(data);
    }
  },
  document: { hidden: false, addEventListener: listen },
  window: { addEventListener: listen },
});
mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
const { changed, isElsewhere, join } = await import("../../../../static/js/upload/tabs.js");

let looked = 0;
join(
  () => ["mine"],
  () => {
    looked += 1;
  },
);

/** How often the list is read again after `act`, once `milliseconds` have passed. */
function looksAfter(act, milliseconds = 1000) {
  const before = looked;
  act();
  mock.timers.tick(milliseconds);
  return looked - before;
}

test("a tab that opens asks the others, and tells them when they ask", () => {
  assert.deepEqual(
    posted.map(({ asks }) => asks),
    [true],
  );
  assert.equal(
    looksAfter(() => hear({ from: "b", asks: true })),
    0,
  );
  assert.deepEqual(posted.at(-1).keys, ["mine"]);
});

test("what another tab sends is elsewhere until that tab says otherwise or goes", () => {
  assert.equal(
    looksAfter(() => hear({ from: "b", keys: ["one", "two"] })),
    1,
  );
  assert.deepEqual(["one", "mine"].map(isElsewhere), [true, false]);
  hear({ from: "b", keys: ["two"] });
  assert.deepEqual(["one", "two"].map(isElsewhere), [false, true]);
  assert.equal(
    looksAfter(() => hear({ from: "b", gone: true })),
    1,
  );
  assert.equal(isElsewhere("two"), false);
});

test("many changes within a second are one message, and one reading of the list", () => {
  const before = posted.length;
  for (let n = 0; n < 5; n += 1) changed();
  mock.timers.tick(1000);
  assert.equal(posted.length - before, 1);
  const hearThrice = () => {
    for (let n = 0; n < 3; n += 1) hear({ from: "b", keys: [] });
  };
  assert.equal(looksAfter(hearThrice), 1);
});

test("a hidden tab reads the list once it is shown", () => {
  document.hidden = true;
  assert.equal(
    looksAfter(() => hear({ from: "b", keys: ["one"] }), 5000),
    0,
  );
  document.hidden = false;
  assert.equal(looksAfter(listeners.get("visibilitychange")), 1);
  assert.equal(looksAfter(listeners.get("visibilitychange")), 0); // nothing new since
});

test("a tab that leaves four probes unanswered has crashed; one that answers has not", () => {
  hear({ from: "crashed", keys: ["lost"] });
  hear({ from: "b", keys: ["one"] });
  mock.timers.tick(1000);
  for (let probe = 0; probe < 3; probe += 1) {
    mock.timers.tick(20_000);
    assert.equal(posted.at(-1).probes, true);
    assert.equal(
      looksAfter(() => hear({ from: "b", keys: ["one"], alive: true })),
      0,
    );
  }
  assert.equal(isElsewhere("lost"), true);
  assert.equal(
    looksAfter(() => mock.timers.tick(20_000)),
    1,
  );
  assert.deepEqual(["lost", "one"].map(isElsewhere), [false, true]);
});

test("a tab that is closed says so", () => {
  listeners.get("pagehide")();
  assert.equal(posted.at(-1).gone, true);
});
