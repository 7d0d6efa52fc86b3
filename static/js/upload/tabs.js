// Several tabs with one upload list: each tells the others which files it is sending, and when the list has changed.

import { newKey } from "../lib/keys.js";

const CHANNEL = "brainscan-uploads";
const SOON = 1000; // milliseconds; many rows change at once

const channel = new BroadcastChannel(CHANNEL);
const elsewhere = new Map(); // another tab → the keys that it is sending
const self = newKey();
let tell = () => {};
let telling = null;
let looking = null;
let stale = false;

/** Whether another tab is sending the file. */
export const isElsewhere = (key) => [...elsewhere.values()].some((keys) => keys.has(key));

/** `mine()`: the keys that this tab is sending; `onChange()`: the list, or what others send, has changed. */
export function join(mine, onChange) {
  tell = () => channel.postMessage({ from: self, keys: mine() });
  channel.addEventListener("message", ({ data }) => {
    if (data.keys) elsewhere.set(data.from, new Set(data.keys));
    else if (data.gone) elsewhere.delete(data.from);
    else tell();
    if (!data.asks) look(onChange);
  });
  document.addEventListener("visibilitychange", () => stale && look(onChange));
  window.addEventListener("pagehide", () => channel.postMessage({ from: self, gone: true }));
  channel.postMessage({ from: self, asks: true });
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
