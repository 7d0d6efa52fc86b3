// Several tabs with one upload list: each tells the others which files it is sending, and when the list has changed.

import { newKey } from "../lib/keys.js";

const CHANNEL = "brainscan-uploads";
const SOON = 1000; // milliseconds; many rows change at once
const PROBE_EVERY = 20_000; // milliseconds
const SILENT = 3; // probes that a tab leaves unanswered until it is taken for crashed; a hidden one answers, too

const channel = new BroadcastChannel(CHANNEL);
const elsewhere = new Map(); // another tab → { keys: those that it is sending, probes: those that it has not answered }
const self = newKey();
let tell = () => {};
let telling = null;
let looking = null;
let stale = false;

/** Whether another tab is sending the file. */
export const isElsewhere = (key) => [...elsewhere.values()].some(({ keys }) => keys.has(key));

/** `mine()`: the keys that this tab is sending; `onChange()`: the list, or what others send, has changed. */
export function join(mine, onChange) {
  tell = (more) => channel.postMessage({ from: self, keys: mine(), ...more });
  channel.addEventListener("message", ({ data }) => {
    const known = elsewhere.has(data.from);
    if (data.keys) elsewhere.set(data.from, { keys: new Set(data.keys), probes: 0 });
    else if (data.gone) elsewhere.delete(data.from);
    else tell({ alive: data.probes });
    if (!data.asks && !data.probes && !(data.alive && known)) look(onChange);
  });
  setInterval(() => probe(onChange), PROBE_EVERY);
  document.addEventListener("visibilitychange", () => stale && look(onChange));
  window.addEventListener("pagehide", () => channel.postMessage({ from: self, gone: true }));
  channel.postMessage({ from: self, asks: true });
}

// A tab that crashed says no goodbye.
function probe(onChange) {
  const sending = [...elsewhere].filter(([, tab]) => tab.keys.size);
  for (const [from, tab] of sending) {
    if (tab.probes >= SILENT) {
      elsewhere.delete(from);
      look(onChange);
    }
    tab.probes += 1;
  }
  if (sending.length) channel.postMessage({ from: self, probes: true });
}

// A hidden tab reads the list again once it is shown.
function look(onChange) {
  stale = true;
  if (document.hidden) return;
  if (looking) return;
  looking = setTimeout(() => {
    looking = null;
    stale = false;
    onChange();
  }, SOON);
}

/** Tell the other tabs that rows have changed. */
export function changed() {
  if (telling) return;
  telling = setTimeout(() => {
    telling = null;
    tell();
  }, SOON);
}
