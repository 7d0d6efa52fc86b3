// A session that ends while files wait: the page keeps them, asks for a login in another tab, and goes on.

import { byId, part } from "../lib/dom.js";

const CHANNEL = "brainscan-session";
const LATE = 30_000; // milliseconds after a login in which an answer may be to a request from before it
const SOON = 1000;

const form = byId("upload-form");
const notice = byId("logged-out");
const channel = new BroadcastChannel(CHANNEL);
let waits = null; // while logged out: { text, onBack }
let loggedIn = -LATE; // when, as the person told

/** Say that the session has ended. `text()` says what waits; `onBack` is called once the same user is logged in. */
export function lost(text, onBack) {
  const first = !waits;
  waits = { text, onBack };
  show(`You are logged out. ${text()} Log in again, and the upload goes on by itself. Nothing is lost.`);
  if (first) part(notice, "text").parentElement.querySelector("a").focus();
  if (first && performance.now() - loggedIn < LATE) setTimeout(goOn, SOON);
}

async function check() {
  if (await goOn()) loggedIn = performance.now();
}

/** Ask the server who is logged in, and go on if it is the person who chose the files; whether it is. */
async function goOn() {
  const found = waits && (await asked());
  if (!found || !waits) return false;
  if (String(found.user) !== form.dataset.user) {
    show(`${found.name} is logged in now, but these files were chosen by another person. ${waits.text()}`);
    return false;
  }
  for (const input of document.querySelectorAll("input[name=csrfmiddlewaretoken]")) input.value = found.token;
  const { onBack } = waits;
  waits = null;
  notice.hidden = true;
  onBack();
  return true;
}

async function asked() {
  try {
    const answer = await fetch(form.dataset.session, { headers: { "X-Requested-With": "XMLHttpRequest" } });
    return answer.redirected || !answer.ok ? null : await answer.json();
  } catch {
    return null; // the site does not answer; ask again later
  }
}

function show(text) {
  part(notice, "text").textContent = text;
  notice.hidden = false;
}

part(notice, "logged-in").addEventListener("click", check);
channel.addEventListener("message", check);
document.addEventListener("visibilitychange", check);
window.addEventListener("focus", check);
