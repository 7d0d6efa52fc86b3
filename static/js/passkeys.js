// Forms with a passkey: the site gives the options, the browser asks for the passkey, and the form sends its answer.

import { part } from "./lib/dom.js";
import { answerFrom, optionsFrom, sentenceOf } from "./lib/passkeys.js";

const LOST = "The site did not answer. Reload the page and try again.";

function say(form, sentence) {
  const place = part(form, "passkey-error");
  place.textContent = sentence;
  place.hidden = !sentence;
}

/** The options; null after the form has said why there are none. */
async function optionsOf(form) {
  let said = {};
  try {
    const response = await fetch(form.dataset.options, {
      method: "POST",
      body: new URLSearchParams({ csrfmiddlewaretoken: form.elements.csrfmiddlewaretoken.value }),
    });
    said = await response.json(); // if the session has ended, the answer is the login page, which is no JSON
    if (response.ok) return optionsFrom(said);
  } catch {
    said = {};
  }
  say(form, said.detail ?? LOST);
  return null;
}

async function ask(form) {
  say(form, "");
  const publicKey = await optionsOf(form);
  if (!publicKey) return;
  try {
    const credential = await navigator.credentials[form.dataset.passkey]({ publicKey });
    form.elements.passkey.value = JSON.stringify(answerFrom(credential));
    form.elements.passkey.disabled = false;
    form.submit();
  } catch (error) {
    say(form, sentenceOf(error));
  }
}

function start(form) {
  const sentence = form.nextElementSibling;
  if (!window.PublicKeyCredential) {
    sentence.textContent = "This browser has no passkeys.";
    return;
  }
  sentence.remove();
  form.hidden = false;
  const button = form.querySelector("button");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    await ask(form);
    button.disabled = false;
  });
}

for (const form of document.querySelectorAll("[data-passkey]")) start(form);
