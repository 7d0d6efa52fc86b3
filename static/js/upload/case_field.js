// The case reference: validated in its field before anything is sent, by the rule that the server put into `pattern`.

import { byId, part } from "../lib/dom.js";

const form = byId("upload-form");
const field = byId("id_case");
const problem = byId("case-problem");
const question = byId("namesakes");
const own = new Set(); // references for which the user wants a case of their own
const free = new Set(); // references that no other visible case has

/** The reference in the field, or the suggested one. */
export const reference = () => field.value.trim() || field.defaultValue;

/** Whether the user, or the page that led here, has named a case. */
export const isNamed = () => reference() !== field.defaultValue || new URLSearchParams(location.search).has("case");

/** Whether the user has confirmed that a second case of this name is meant. */
export const isOwnCase = (name) => own.has(name);

/** Whether files may be sent now. Otherwise the field says what is wrong, or asks; with `focus` it has the focus. */
export async function isReady({ focus = true } = {}) {
  field.value = field.value.trim();
  const valid = !field.validity.patternMismatch;
  field.setAttribute("aria-invalid", String(!valid));
  problem.textContent = valid ? "" : field.title;
  question.hidden = true;
  if (!valid && focus) field.focus();
  return valid && !(await isQuestioned(reference(), focus));
}

/** Ask again about a reference: the server says that another case has it. */
export const forget = (name) => free.delete(name);

async function isQuestioned(name, focus) {
  if (own.has(name) || free.has(name)) return false;
  const text = await namesakes(name);
  if (!text) free.add(name);
  else if (name === reference()) {
    const page = new DOMParser().parseFromString(text, "text/html");
    part(question, "question").replaceChildren(...page.body.childNodes);
    question.hidden = false;
    if (focus) part(question, "own-case").focus();
  }
  return Boolean(text);
}

// If the check itself fails, the upload goes on: the server checks again.
async function namesakes(name) {
  try {
    const address = `${form.dataset.sameName}?case=${encodeURIComponent(name)}`;
    const answer = await fetch(address, { headers: { "X-Requested-With": "XMLHttpRequest" } });
    return answer.status === 200 && !answer.redirected ? await answer.text() : "";
  } catch {
    return "";
  }
}

/** `onChange` is called when the field may have become valid, or its question was answered. */
export function watch(onChange) {
  form.noValidate = true; // the browser's own bubble would say the same a second time
  field.addEventListener("change", onChange);
  part(question, "own-case").addEventListener("click", () => {
    own.add(reference());
    question.hidden = true;
    onChange();
  });
  part(question, "other-reference").addEventListener("click", () => {
    question.hidden = true;
    field.select();
    field.focus();
  });
}
