// The upload list as the site keeps it: announce files, remove rows, read it again.

import { byId } from "../lib/dom.js";
import { isOther } from "../lib/person.js";

const form = byId("upload-form");

/** The session has ended: the answer was the login page, one of its further steps, or for another person. */
export class LoggedOut extends Error {}

export const token = () => form.elements.csrfmiddlewaretoken.value;

/** Whether an answer from this address is that of another page instead: of the login, or one of its further steps. */
export const isElsewhere = (address) => new URL(address).pathname !== new URL(form.action).pathname;

/** Tells the site which files are coming to a case, so that its list has them even if they never arrive. */
export async function announce(jobs, reference) {
  const rows = jobs.map(({ key, file, problem }) => ({
    key,
    name: file.name,
    size: file.size,
    too_large: Boolean(problem),
  }));
  await post(form.dataset.rows, { case: reference, rows: JSON.stringify(rows) });
}

/** Removes rows from the list: { row: [ids], key: [keys], finished }. */
export const dismiss = (what) => post(form.dataset.dismiss, what);

/** The list as the site has it now, as elements. */
export async function read() {
  const answer = await fetch(form.dataset.rows, { headers: { "X-Requested-With": "XMLHttpRequest" } });
  return elements(await textOf(answer));
}

/** The rows in a fragment. */
export function elements(text) {
  const page = new DOMParser().parseFromString(text, "text/html");
  return [...page.querySelectorAll(".upload-row")].map((row) => document.adoptNode(row));
}

async function post(address, fields) {
  const body = new FormData();
  body.append("csrfmiddlewaretoken", token());
  for (const [name, value] of Object.entries(fields)) {
    for (const one of [value].flat()) body.append(name, one);
  }
  const headers = { "X-Requested-With": "XMLHttpRequest" };
  await textOf(await fetch(address, { method: "POST", body, headers }));
}

async function textOf(answer) {
  if (answer.redirected || answer.status === 403) throw new LoggedOut();
  if (isOther(answer.headers.get("X-Person"), form.dataset.user)) throw new LoggedOut();
  if (!answer.ok) throw new Error(`The site answered ${answer.status}.`);
  return answer.text();
}
