// The upload page: one request per file, each on its own row until the server's row takes its place.

import { byId } from "./lib/dom.js";
import { newKey } from "./lib/keys.js";
import { byKey } from "./lib/questions.js";
import { claimRow, files as counted, isClutter, tooLarge, UploadQueue } from "./lib/uploads.js";
import { ensurePoller } from "./poller.js";
import * as cancel from "./upload/cancel.js";
import * as caseField from "./upload/case_field.js";
import { watchDrops } from "./upload/folders.js";
import * as kept from "./upload/kept.js";
import * as questions from "./upload/questions.js";
import * as rows from "./upload/rows.js";
import { sameFiles } from "./upload/same_files.js";
import * as session from "./upload/session.js";
import * as tabs from "./upload/tabs.js";
import { transfer } from "./upload/transfer.js";

const ROWS_AT_ONCE = 40; // so that 500 files do not freeze the page

const form = byId("upload-form");
const list = byId("uploads");
const limits = { image: Number(form.dataset.maxMb), archive: Number(form.dataset.maxArchiveMb) };
const queue = new UploadQueue(send);
const files = new Map(); // key → file, while this page is open: a browser cannot reopen a file by itself
const readings = new Set(); // of each reading of the list under way, the keys of what changed here since it began
let begun = 0; // readings
let shown = 0; // the latest reading whose list is on view
let chosen = []; // files that wait for a case reference
let unannounced = [];
let announced = Promise.resolve(); // settles once every row is registered with the site
let starting = false;
let startAgain = false;

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
  if (starting) startAgain = true;
  if (!chosen.length || starting) return;
  starting = true;
  startAgain = false;
  const reference = caseField.reference(); // somebody may be typing in the field by the time it is checked
  const named = caseField.isNamed();
  const ready = await caseField.isReady();
  const some = [...chosen];
  const same = ready && !startAgain && (await sameFiles(some, notSentHere, { reference, named }));
  starting = false;
  if (!same) {
    if (startAgain) return start();
    byId("waits").textContent = ready ? "" : `${counted(some.length)} not sent yet: the case comes first.`;
    if (ready) chosen = chosen.slice(some.length); // the question was left without an answer
    showSummary();
    return;
  }
  byId("waits").textContent = "";
  chosen = chosen.slice(some.length);
  const waiting = same.flatMap((name) => notSentHere().filter((row) => row.reference === name));
  await add(some.map((file) => newJob(file, claimRow(waiting, file), reference)));
  if (startAgain) await start();
}

const notSentHere = () => rows.notSent().filter((row) => !tabs.isElsewhere(row.key));

function newJob(file, claimed, reference) {
  const wanted = claimed?.reference || reference;
  const job = { file, key: claimed?.key || newKey(), reference: wanted, ownCase: caseField.isOwnCase(wanted) };
  return Object.assign(job, { claimed: claimed?.row, problem: tooLarge(file, limits), tries: 0 });
}

/** Put jobs on the page and on the site's list, then send them. */
async function add(jobs) {
  announced = Promise.all([announced, showAdded(jobs).then(announce)]);
  await announced;
  for (const job of jobs) if (job.problem) rows.showProblem(job.row, job.problem);
  showSummary();
  queue.pump();
}

async function showAdded(jobs) {
  let last;
  for (let at = 0; at < jobs.length; at += ROWS_AT_ONCE) {
    const some = jobs.slice(at, at + ROWS_AT_ONCE);
    for (const job of some) addRow(job);
    const fresh = some.filter((job) => !job.claimed).map((job) => job.row);
    rows.addRows(fresh, last);
    last = fresh.at(-1) || last;
    showSummary();
    // Not requestAnimationFrame, which waits while the page is hidden.
    if (jobs.length > at + ROWS_AT_ONCE) await new Promise((done) => setTimeout(done));
  }
  unannounced.push(...jobs);
}

function addRow(job) {
  job.row = rows.makeRow(job.file);
  job.row.dataset.key = job.key;
  files.set(job.key, job);
  if (job.claimed) rows.takePlace(job.row);
  if (job.problem) files.delete(job.key);
  else queue.add(job);
}

async function announce() {
  const jobs = unannounced.filter((job) => !job.sent && job.state !== "withdrawn"); // those have a row, or had it
  unannounced = [];
  if (!jobs.length) return;
  try {
    for (const [reference, some] of byKey(jobs, (job) => job.reference)) await kept.announce(some, reference);
    tabs.changed();
  } catch (error) {
    unannounced = [...jobs, ...unannounced];
    if (error instanceof kept.LoggedOut) loggedOut();
  }
}

async function send(job) {
  rows.begin(job.row);
  showSummary();
  await announced; // after its answer an announcement could list it again
  job.sent = true;
  transfer(job, form, {
    onProgress: (state) => rows.showProgress(job.row, state),
    onAnswer: (request) => takeAnswer(job, request),
    onBroken: () => refuseForNow(job, "The connection broke while this file was sent."),
  });
}

function takeAnswer(job, request) {
  if (kept.isElsewhere(request.responseURL) || request.status === 403) {
    queue.putBack(job);
    rows.resetRow(job.row);
    loggedOut();
    return;
  }
  const answers = kept.elements(request.responseText);
  if (answers.length && request.status !== 503) {
    noteChange([job.row, ...answers, ...rows.replaceRow(job.row, answers)]);
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
  const said = page.querySelector("[data-refused]");
  const text = said?.textContent || `The server could not take this file (${request.status}).`;
  refuseForNow(job, text, { otherCase: said?.dataset.refused === "case" });
}

/** otherCase: the reference is what is wrong, so the next try takes that of the field. Else the case stays. */
function refuseForNow(job, text, { otherCase = false } = {}) {
  rows.showProblem(job.row, text, async () => {
    if (otherCase) {
      const reference = caseField.reference();
      if (!(await caseField.isReady())) return;
      Object.assign(job, { reference, ownCase: caseField.isOwnCase(reference) });
    }
    sendAgain(Object.assign(job, { tries: 0 }));
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
    announced = Promise.all([announced, announce()]);
    await announced;
    queue.resume();
    await refresh();
  });
}

/** All questions about a file's images are answered: send it again; the answer replaces their rows. */
function sendAnswered(key, asking, lookedAt) {
  const job = files.get(key);
  if (job) putAgain(job, lookedAt);
  else questions.pick(asking[0], (file) => putAgain(againJob(asking[0], file), lookedAt));
}

function againJob({ dataset }, file) {
  return newJob(file, { key: dataset.key, reference: dataset.reference }, caseField.reference());
}

function putAgain(job, lookedAt = []) {
  Object.assign(job, { row: rows.makeRow(job.file), lookedAt, tries: 0 });
  job.row.dataset.key = job.key;
  files.set(job.key, job);
  rows.takePlace(job.row);
  sendAgain(job);
}

async function refresh() {
  const changed = new Set();
  begun += 1;
  const number = begun;
  readings.add(changed);
  try {
    const found = await kept.read();
    if (number < shown) return; // answers may overtake each other
    shown = number;
    rows.showList(found, changed);
    questions.showAll();
    ensurePoller();
  } catch (error) {
    if (error instanceof kept.LoggedOut) loggedOut();
  } finally {
    readings.delete(changed);
    showSummary();
  }
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
  if (what.finished) await refresh(); // more may have finished than the page knew
  for (const key of new Set(gone.map((row) => row.dataset.key))) {
    questions.settle(key, sendAnswered);
    if (!rows.ofKey(key).length) files.delete(key);
  }
  tabs.changed();
  showSummary();
}

function cancelJobs(jobs) {
  const onGone = (gone) => {
    for (const job of gone) files.delete(job.key);
    noteChange(gone.map((job) => job.row));
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
  if (row.dataset.row) dismiss({ row: row.dataset.row }, [row]);
  else dismiss({ key: row.dataset.key }, rows.ofKey(row.dataset.key));
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
questions.watch({ send: sendAnswered, choose: (row, file) => putAgain(againJob(row, file)) });
tabs.join(() => queue.jobs.map((job) => job.key), refresh);
questions.showAll();
showSummary();
// On a slow line people choose files before this script has loaded.
for (const chooser of choosers) if (chooser.files.length) takeChosen(chooser);
