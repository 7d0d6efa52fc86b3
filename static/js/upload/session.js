// A session that ends while files wait: the page keeps them, asks for a login in another tab, and goes on.

import { byId, part } from "../lib/dom.js";

const CHANNEL = "brainscan-session";
const SOON = 1000; // milliseconds
const TRIES = 5; // to go on by itself, until a person comes to the page

const form = byId("upload-form");
const notice = byId("logged-out");
const channel = new BroadcastChannel(CHANNEL);
let waits = null; // while logged out: { text, onBack }
let triesLeft = TRIES;

/** Say that the session has ended. `text()` says what waits; `onBack` is called once the same user is logged in. */
export function lost(text, onBack) {
  const first = !waits;
  waits = { text, onBack };
  show(`You are logged out. ${text()} Log in again, and the upload goes on by itself. Nothing is lost.`);
  if (first) part(notice, "text").parentElement.querySelector("a").focus();
  if (!first || !triesLeft) return;
  triesLeft -= 1;
  setTimeout(goOn, SOON); // the answer may be to a request from before a login
}

function check() {
  triesLeft = TRIES;
  goOn();
}

/** Ask the server who is logged in, and go on if it is the person who chose the files. */
async function goOn() {
  const found = waits && (await asked());
  if (!found || !waits) return;
  if (String(found.user) !== form.dataset.user) {
    show(`${found.name} is logged in now, but these files were chosen by another person. ${waits.text()}`);
    return;
  }
  for (const input of document.querySelectorAll("input[name=csrfmiddlewaretoken]")) input.value = found.token;
  const { onBack } = waits;
  waits = null;
  notice.hidden = true;
  onBack();
}

async function asked() {
  try {
    const headers = { "X-Requested-With": "XMLHttpRequest" };
    const answer = await fetch(form.dataset.session, { headers, redirect: "manual" }); // to the login, if there is none
    return answer.ok ? await answer.json() : null;
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
