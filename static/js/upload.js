// The upload page: one request per file, each on its own row until the server's row takes its place.

import { byId } from "./lib/dom.js";
import { isClutter, summary, tooLarge, UploadQueue } from "./lib/uploads.js";
import { ensurePoller } from "./poller.js";
import { droppedFiles } from "./upload/folders.js";
import { addRows, makeRow, releasePreview, replaceRow, resetRow, showProblem, showProgress } from "./upload/rows.js";
import { transfer } from "./upload/transfer.js";

const ROWS_AT_ONCE = 40; // made per frame, so that 500 files do not freeze the page

const form = byId("upload-form");
const zone = byId("drop-zone");
const reference = byId("id_case");
const limits = { image: Number(form.dataset.maxMb), archive: Number(form.dataset.maxArchiveMb) };
const queue = new UploadQueue(send);
const confirmable = new Map(); // rows of images that may show a name → the job that brought them

function showSummary() {
  const text = summary(queue.counts);
  const line = byId("upload-summary");
  if (line.textContent !== text) line.textContent = text; // a screen reader announces every change
}

function add(files) {
  const name = reference.value.trim() || reference.defaultValue;
  queue.choose(files.length);
  if (files.length) addSome(files, name);
  else showSummary(); // an empty folder
}

function addSome(files, name) {
  const jobs = files.slice(0, ROWS_AT_ONCE).map((file) => ({ file, row: makeRow(file), reference: name, tries: 0 }));
  for (const job of jobs) {
    const problem = tooLarge(job.file, limits);
    if (problem) refuse(job, problem);
    else queue.add(job);
  }
  addRows(jobs.map((job) => job.row));
  showSummary();
  queue.pump();
  const rest = files.slice(ROWS_AT_ONCE);
  if (rest.length) requestAnimationFrame(() => addSome(rest, name));
}

function send(job) {
  transfer(job, form, {
    onProgress: (state) => showProgress(job.row, state),
    onAnswer: (request) => {
      takeAnswer(job, request);
      queue.release();
    },
    onBroken: () => {
      refuseForNow(job, "The connection broke while this file was sent.");
      queue.release();
    },
  });
}

function takeAnswer(job, request) {
  if (new URL(request.responseURL).pathname === document.body.dataset.login) {
    refuseForNow(job, "You are logged out. Log in again in another tab, then try again.");
    return;
  }
  const page = new DOMParser().parseFromString(request.responseText, "text/html");
  const answers = [...page.querySelectorAll(".upload-row")];
  if (!answers.length) {
    refuseForNow(job, `The server could not take this file (${request.status}).`);
  } else if (request.status === 503) {
    refuseForNow(job, answers[0].querySelector(".problem").textContent);
  } else {
    const taken = answers.some((row) => row.dataset.row); // asked first: a repeated scan's row loses its id below
    replaceRow(job, answers, (row, button) => offerToConfirm(row, button, job));
    queue.settle(job, taken ? "sent" : "refused");
    showSummary();
    ensurePoller();
  }
}

function refuse(job, text, again) {
  showProblem(job.row, text, again);
  queue.settle(job, "refused");
  showSummary();
}

function refuseForNow(job, text) {
  refuse(job, text, () => {
    resetRow(job.row);
    sendAgain(job);
  });
}

function sendAgain(job) {
  queue.again(job);
  showSummary();
  queue.pump();
}

function offerToConfirm(row, button, job) {
  confirmable.set(row, job);
  button.onclick = () => sendConfirmed(row, job);
}

// The user has looked and found no name in the image. An archive is sent again as a whole, for all of its images; what
// was taken the first time is recognized.
function sendConfirmed(row, job) {
  const rows = [...confirmable].filter(([, other]) => other === job).map(([other]) => other);
  const images = rows.filter((other) => other.isConnected).length;
  const question = `This archive has ${images} images with text in them. Have you looked at all of them?`;
  if (images > 1 && !window.confirm(question)) return;
  job.row = makeRow(job.file);
  row.before(job.row);
  for (const other of rows) {
    confirmable.delete(other);
    releasePreview(other);
    other.remove();
  }
  job.confirmed = true;
  sendAgain(job);
}

for (const chooser of form.querySelectorAll('input[type="file"]')) {
  chooser.addEventListener("change", () => {
    add([...chooser.files].filter((file) => !isClutter(file.webkitRelativePath)));
    chooser.value = "";
  });
}

form.addEventListener("submit", (event) => event.preventDefault());

for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    zone.classList.add("over");
  });
}

document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) zone.classList.remove("over");
});

document.addEventListener("drop", async (event) => {
  if (!event.dataTransfer?.files.length) return;
  event.preventDefault();
  zone.classList.remove("over");
  add(await droppedFiles(event.dataTransfer));
});

window.addEventListener("beforeunload", (event) => {
  if (queue.busy) event.preventDefault();
});
