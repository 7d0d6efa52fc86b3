// The upload page: one request per file, each on its own row until the server's row takes its place.

import { byId } from "./lib/dom.js";
import { newKey } from "./lib/keys.js";
import { claimRow, files as counted, isClutter, tooLarge, UploadQueue } from "./lib/uploads.js";
import { ensurePoller } from "./poller.js";
import * as cancel from "./upload/cancel.js";
import * as caseField from "./upload/case_field.js";
import { watchDrops } from "./upload/folders.js";
import * as kept from "./upload/kept.js";
import * as questions from "./upload/questions.js";
import * as rows from "./upload/rows.js";
import * as session from "./upload/session.js";
import * as tabs from "./upload/tabs.js";
import { transfer } from "./upload/transfer.js";

const ROWS_AT_ONCE = 40; // made per frame, so that 500 files do not freeze the page

const form = byId("upload-form");
const list = byId("uploads");
const limits = { image: Number(form.dataset.maxMb), archive: Number(form.dataset.maxArchiveMb) };
const queue = new UploadQueue(send);
const files = new Map(); // key → file, while this page is open: a browser cannot reopen a file by itself
const readings = new Set(); // of each reading of the list under way, the keys of what changed here since it began
let chosen = []; // files that wait for a case reference
let unannounced = [];
let announced = Promise.resolve(); // settles once every row is registered with the site
let starting = false;

function showSummary() {
  rows.showSummary(queue, tabs.isElsewhere);
  cancel.showAll(queue.waiting.length + chosen.length);
}

async function choose(some) {
  chosen.push(...some);
  if (!chosen.length) byId("waits").textContent = "There is no file to upload in what you chose.";
  else await start();
}

async function start() {
  if (!chosen.length) await caseField.isReady({ focus: false });
  if (!chosen.length || starting) return;
  starting = true;
  const ready = await caseField.isReady();
  starting = false;
  byId("waits").textContent = ready ? "" : `${counted(chosen.length)} not sent yet: the case comes first.`;
  showSummary();
  if (!ready) return;
  const some = chosen;
  chosen = [];
  const reference = caseField.reference();
  const waiting = rows.notSent().filter(({ key }) => !tabs.isElsewhere(key));
  await add(some.map((file) => newJob(file, claimRow(waiting, file), reference)));
}

function newJob(file, claimed, reference) {
  const wanted = claimed?.reference || reference;
  const job = { file, key: claimed?.key || newKey(), reference: wanted, ownCase: caseField.isOwnCase(wanted) };
  return Object.assign(job, { claimed: claimed?.row, problem: tooLarge(file, limits), tries: 0 });
}

/** Put jobs on the page and on the site's list, then send them. */
async function add(jobs) {
  let last;
  for (let at = 0; at < jobs.length; at += ROWS_AT_ONCE) {
    const some = jobs.slice(at, at + ROWS_AT_ONCE);
    for (const job of some) addRow(job);
    const fresh = some.filter((job) => !job.claimed).map((job) => job.row);
    rows.addRows(fresh, last);
    last = fresh.at(-1) || last;
    showSummary();
    if (jobs.length > at + ROWS_AT_ONCE) await new Promise(requestAnimationFrame);
  }
  unannounced.push(...jobs.filter((job) => job.state !== "withdrawn"));
  announced = announce();
  await announced;
  for (const job of jobs) if (job.problem) rows.showProblem(job.row, job.problem);
  showSummary();
  queue.pump();
}

function addRow(job) {
  job.row = rows.makeRow(job.file);
  job.row.dataset.key = job.key;
  files.set(job.key, job);
  if (job.claimed) job.claimed.replaceWith(job.row);
  if (job.problem) files.delete(job.key);
  else queue.add(job);
}

async function announce() {
  const jobs = unannounced;
  unannounced = [];
  if (!jobs.length) return;
  try {
    await kept.announce(jobs, jobs[0].reference);
    tabs.changed();
  } catch (error) {
    unannounced = [...jobs, ...unannounced];
    if (error instanceof kept.LoggedOut) loggedOut();
  }
}

function send(job) {
  rows.begin(job.row);
  showSummary();
  transfer(job, form, {
    onProgress: (state) => rows.showProgress(job.row, state),
    onAnswer: (request) => takeAnswer(job, request),
    onBroken: () => refuseForNow(job, "The connection broke while this file was sent."),
  });
}

function takeAnswer(job, request) {
  if (kept.isLogin(request.responseURL) || request.status === 403) {
    queue.putBack(job);
    rows.resetRow(job.row);
    loggedOut();
    return;
  }
  const answers = kept.elements(request.responseText);
  if (answers.length && request.status !== 503) {
    rows.replaceRow(job.row, answers);
    noteChange([job.row, ...answers]);
    if (!answers.some((row) => row.matches(".upload-asks"))) files.delete(job.key);
    queue.end(job);
    questions.showAll();
    ensurePoller();
    tabs.changed();
    showSummary();
    return;
  }
  if (request.status === 409) caseField.forget(job.reference);
  const page = new DOMParser().parseFromString(request.responseText, "text/html");
  const said = page.querySelector("[data-refused]")?.textContent;
  refuseForNow(job, said || `The server could not take this file (${request.status}).`);
}

function refuseForNow(job, text) {
  rows.showProblem(job.row, text, async () => {
    if (!(await caseField.isReady())) return;
    Object.assign(job, { reference: caseField.reference(), tries: 0 });
    job.ownCase = caseField.isOwnCase(job.reference);
    sendAgain(job);
  });
  queue.end(job);
  showSummary();
}

function sendAgain(job) {
  rows.resetRow(job.row);
  queue.add(job);
  showSummary();
  queue.pump();
}

function loggedOut() {
  queue.pause();
  byId("poller")?.remove();
  const left = () => queue.left + chosen.length;
  const text = () => (left() ? `${counted(left())} ${left() === 1 ? "waits" : "wait"} in this page.` : "");
  showSummary();
  session.lost(text, async () => {
    ensurePoller();
    await announce();
    queue.resume();
    await refresh();
  });
}

/** All questions about a file's images are answered: send it again; the answer replaces their rows. */
function sendAnswered(key, asking, lookedAt) {
  const job = files.get(key);
  if (job) putAgain(job, asking, lookedAt);
  else questions.pick(asking[0], (file) => putAgain(againJob(asking[0], file), asking, lookedAt));
}

function againJob({ dataset }, file) {
  return newJob(file, { key: dataset.key, reference: dataset.reference }, caseField.reference());
}

function putAgain(job, places, lookedAt = []) {
  Object.assign(job, { row: rows.makeRow(job.file), lookedAt, tries: 0 });
  job.row.dataset.key = job.key;
  files.set(job.key, job);
  places[0].before(job.row);
  for (const place of places) rows.removeRow(place);
  sendAgain(job);
}

async function refresh() {
  const changed = new Set();
  readings.add(changed);
  try {
    const found = await kept.read();
    rows.showList(found, changed);
    questions.showAll();
    ensurePoller();
  } catch (error) {
    if (error instanceof kept.LoggedOut) loggedOut();
  }
  readings.delete(changed);
  showSummary();
}

/** A list that was asked for before this may be older than these rows. */
function noteChange(some) {
  for (const changed of readings) for (const row of some) changed.add(row.dataset.key);
}

async function dismiss(what, gone) {
  try {
    await kept.dismiss(what);
  } catch (error) {
    if (error instanceof kept.LoggedOut) loggedOut();
    return;
  }
  rows.leaveRows(gone);
  noteChange(gone);
  for (const key of new Set(gone.map((row) => row.dataset.key))) {
    questions.settle(key, sendAnswered);
    if (![...list.children].some((row) => row.dataset.key === key)) files.delete(key);
  }
  tabs.changed();
  showSummary();
}

function cancelJobs(jobs) {
  const onGone = (gone) => {
    for (const job of gone) files.delete(job.key);
    tabs.changed();
    showSummary();
  };
  return cancel.cancel(jobs, queue, { announced, onGone, onLoggedOut: loggedOut });
}

cancel.watchAll(() => {
  chosen = [];
  byId("waits").textContent = "";
  showSummary();
  cancelJobs(queue.waiting);
});

list.addEventListener("click", (event) => {
  const canceled = event.target.closest('[data-part="cancel"]')?.closest(".upload-row");
  if (canceled) cancelJobs(queue.waiting.filter((job) => job.row === canceled));
  const row = event.target.closest('[data-part="remove"]')?.closest(".upload-row");
  if (!row) return;
  event.preventDefault();
  dismiss(row.dataset.row ? { row: row.dataset.row } : { key: row.dataset.key }, [row]);
});

byId("dismiss-form").addEventListener("submit", (event) => {
  event.preventDefault();
  dismiss({ finished: "on" }, rows.finishedRows());
});

const choosers = form.querySelectorAll('input[type="file"]:not(#id_again)');

function takeChosen(chooser) {
  const some = [...chooser.files].filter((file) => !isClutter(file.webkitRelativePath));
  chooser.value = "";
  choose(some);
}

for (const chooser of choosers) chooser.addEventListener("change", () => takeChosen(chooser));

form.addEventListener("submit", (event) => {
  event.preventDefault();
  start();
});

window.addEventListener("beforeunload", (event) => {
  if (queue.busy || chosen.length) event.preventDefault();
});

document.addEventListener("session:lost", (event) => {
  if (!queue.busy && !chosen.length && !files.size) return;
  event.preventDefault(); // a reload would lose the files
  loggedOut();
});

watchDrops(byId("drop-zone"), choose);
caseField.watch(start);
questions.watch({ send: sendAnswered, choose: (row, file) => putAgain(againJob(row, file), [row]) });
tabs.join(() => queue.jobs.map((job) => job.key), refresh);
questions.showAll();
showSummary();
// On a slow line people choose files before this script has loaded.
for (const chooser of choosers) if (chooser.files.length) takeChosen(chooser);
