// Cancels files before their first byte is sent: one by one, or all.

import { byId } from "../lib/dom.js";
import { batches } from "../lib/uploads.js";
import * as kept from "./kept.js";
import * as rows from "./rows.js";

const AT_ONCE = 200; // keys in one request: a form has at most a thousand fields

const all = byId("cancel-waiting");

/**
 * Takes waiting jobs out of the queue and off the list, on the page and on the site. Jobs that are on their way stay.
 *
 * announced: settles once the site knows of every row. onGone(jobs): they are off the list. onLoggedOut(): they wait on.
 */
export async function cancel(jobs, queue, { announced, onGone, onLoggedOut }) {
  const taken = jobs.filter((job) => queue.withdraw(job));
  try {
    await announced;
    for (const some of batches(taken, AT_ONCE)) {
      await kept.dismiss({ key: some.map((job) => job.key) });
      rows.leaveRows(some.map((job) => job.row));
      onGone(some);
    }
  } catch (error) {
    for (const job of taken) if (job.row.isConnected) queue.add(job);
    if (error instanceof kept.LoggedOut) onLoggedOut();
    else queue.pump();
  }
}

/** The button that cancels all says how many there are, and disappears with the last, passing its focus on. */
export function showAll(count) {
  all.textContent = `Cancel ${count} waiting`;
  rows.hide(all, !count, byId("id_files"));
}

export const watchAll = (onAll) => all.addEventListener("click", onAll);
