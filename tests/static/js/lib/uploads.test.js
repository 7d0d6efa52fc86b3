import assert from "node:assert/strict";
import { test } from "node:test";
import {
  batches,
  claimRow,
  isClutter,
  progress,
  retryDelay,
  summary,
  tooLarge,
  UploadQueue,
} from "../../../../static/js/lib/uploads.js";

const MB = 1024 * 1024;
const LIMITS = { image: 25, archive: 250 };

test("files that systems leave in folders are clutter", () => {
  for (const path of [".DS_Store", "study/.git/config", "__MACOSX/a", "a/Thumbs.db", "DICOMDIR", "x/desktop.ini"]) {
    assert.ok(isClutter(path), path);
  }
  for (const path of ["IM0001", "study/scan.png", "dicomdir.png", "a.b/c"]) assert.ok(!isClutter(path), path);
});

test("images and archives have limits of their own", () => {
  assert.equal(tooLarge({ type: "image/png", size: 25 * MB }, LIMITS), null);
  assert.equal(
    tooLarge({ type: "image/png", size: 25.5 * MB }, LIMITS),
    "This file has 25.5 MB; at most 25 MB are accepted.",
  );
  assert.equal(tooLarge({ type: "application/zip", size: 250 * MB }, LIMITS), null);
  assert.match(tooLarge({ type: "", size: 251 * MB }, LIMITS), /at most 250 MB/);
});

test("the bar says what the server does once all bytes are there", () => {
  assert.deepEqual(progress(1, 3), { percent: 33, text: "33 %" });
  assert.deepEqual(progress(3, 3), { percent: 100, text: "Checking …" });
});

test("only a busy site is tried again, four times, at spread moments", () => {
  const busy = { status: 503, retryAfter: 2, tries: 0, random: 0 };
  assert.equal(retryDelay(busy), 2000);
  assert.equal(retryDelay({ ...busy, random: 1 }), 4000);
  assert.equal(retryDelay({ ...busy, tries: 3 }), 2000);
  assert.equal(retryDelay({ ...busy, tries: 4 }), null);
  assert.equal(retryDelay({ ...busy, retryAfter: 0 }), null);
  assert.equal(retryDelay({ ...busy, status: 400 }), null);
  const delay = retryDelay({ status: 503, retryAfter: 1, tries: 0 });
  assert.ok(delay >= 1000 && delay <= 2000);
});

test("the summary counts what is here already apart from what was not accepted", () => {
  const none = { taken: 0, known: 0, asks: 0, refused: 0, waiting: 0 };
  const idle = { left: 0, total: 3 };
  assert.deepEqual(summary(idle, none), []);
  assert.deepEqual(summary({ left: 2, total: 3 }, { ...none, taken: 1 }), ["Sending 2 files of 3", "1 scan accepted"]);
  assert.deepEqual(summary({ left: 1, total: 3 }, none), ["Sending 1 file of 3"]);
  assert.deepEqual(summary({ left: 2, total: 3, paused: true }, none), ["2 files of 3 to send"]);
  assert.deepEqual(summary(idle, { taken: 2, known: 4, asks: 3, refused: 1, waiting: 5 }), [
    "2 scans accepted",
    "4 already here",
    "3 to look at",
    "1 not accepted",
    "5 not sent",
  ]);
});

test("a file takes the row of the one that was not sent, each row once", () => {
  const rows = [
    { key: "a", name: "x.png", size: "10" },
    { key: "b", name: "x.png", size: "10" },
    { key: "c", name: "y.png", size: "10" },
  ];
  assert.equal(claimRow(rows, { name: "x.png", size: 10 }).key, "a");
  assert.equal(claimRow(rows, { name: "x.png", size: 10 }).key, "b");
  assert.equal(claimRow(rows, { name: "x.png", size: 10 }), null);
  assert.equal(claimRow(rows, { name: "y.png", size: 11 }), null);
  assert.equal(rows.length, 1);
});

function queueOf(count) {
  const sent = [];
  const queue = new UploadQueue((job) => sent.push(job));
  const jobs = Array.from({ length: count }, (_, number) => ({ number }));
  for (const job of jobs) queue.add(job);
  queue.pump();
  return { queue, jobs, sent };
}

const states = (jobs) => jobs.map((job) => job.state);

test("two files are sent at a time, in order", () => {
  const { queue, jobs, sent } = queueOf(4);
  assert.deepEqual(sent, jobs.slice(0, 2));
  assert.deepEqual(states(jobs), ["sending", "sending", "waiting", "waiting"]);
  queue.end(jobs[1]);
  assert.deepEqual(sent, jobs.slice(0, 3));
  assert.deepEqual(states(jobs), ["sending", "ended", "sending", "waiting"]);
});

test("a queue is busy until the last request is over", () => {
  const { queue, jobs } = queueOf(1);
  assert.ok(queue.busy);
  queue.end(jobs[0]);
  assert.ok(!queue.busy);
  assert.equal(queue.total, 1);
});

test("a paused queue keeps its jobs, and goes on where it stopped", () => {
  const { queue, jobs, sent } = queueOf(5);
  queue.pause();
  assert.ok(queue.paused);
  queue.putBack(jobs[0]);
  queue.end(jobs[1]);
  queue.pump();
  assert.equal(sent.length, 2);
  assert.equal(queue.left, 4);
  assert.ok(queue.busy);
  assert.deepEqual(queue.jobs, [jobs[0], jobs[2], jobs[3], jobs[4]]);
  queue.resume();
  assert.deepEqual(sent.slice(2), [jobs[0], jobs[2]]);
});

test("every job is sent once, whatever happens to its session", () => {
  const done = [];
  const queue = new UploadQueue(() => {});
  const jobs = Array.from({ length: 30 }, (_, number) => ({ number }));
  for (const job of jobs) queue.add(job);
  queue.pump();
  for (let round = 0; queue.busy; round += 1) {
    const job = queue.jobs[0];
    if (round === 7) {
      queue.pause();
      for (const lost of queue.jobs.filter((one) => one.state === "sending")) queue.putBack(lost);
      queue.resume();
    } else {
      done.push(job.number);
      queue.end(job);
    }
  }
  assert.deepEqual(
    done.toSorted((a, b) => a - b),
    jobs.map((job) => job.number),
  );
});

test("a file whose turn has not come can be taken back, and no other", () => {
  const { queue, jobs, sent } = queueOf(5);
  assert.deepEqual(queue.waiting, jobs.slice(2));
  assert.ok(queue.withdraw(jobs[3]));
  assert.ok(!queue.withdraw(jobs[3]));
  assert.ok(!queue.withdraw(jobs[0]));
  assert.deepEqual(states(jobs), ["sending", "sending", "waiting", "withdrawn", "waiting"]);
  assert.equal(queue.total, 4);
  queue.end(jobs[0]);
  queue.end(jobs[1]);
  assert.deepEqual(sent, [jobs[0], jobs[1], jobs[2], jobs[4]]);
  assert.ok(!queue.withdraw(jobs[0]));
});

test("all that wait are taken back, and may be added again", () => {
  const { queue, jobs, sent } = queueOf(4);
  for (const job of queue.waiting) assert.ok(queue.withdraw(job));
  assert.deepEqual(queue.waiting, []);
  assert.ok(queue.busy);
  queue.end(jobs[0]);
  queue.end(jobs[1]);
  assert.ok(!queue.busy);
  assert.deepEqual(sent, jobs.slice(0, 2));
  queue.add(jobs[2]);
  queue.pump();
  assert.deepEqual(sent.at(-1), jobs[2]);
  assert.equal(queue.total, 1);
});

test("many are named in parts", () => {
  assert.deepEqual(batches([1, 2, 3, 4, 5], 2), [[1, 2], [3, 4], [5]]);
  assert.deepEqual(batches([], 2), []);
});

test("the total counts anew once everything was sent", () => {
  const { queue, jobs } = queueOf(2);
  queue.end(jobs[0]);
  queue.add({});
  assert.equal(queue.total, 3);
  for (const job of queue.jobs) queue.end(job);
  queue.add({});
  assert.equal(queue.total, 1);
});
