import assert from "node:assert/strict";
import { test } from "node:test";
import { isClutter, progress, retryDelay, summary, tooLarge, UploadQueue } from "../../../../static/js/lib/uploads.js";

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

test("the summary tells what is left before it tells what was sent", () => {
  assert.match(summary({ chosen: 0, sent: 0, refused: 0 }), /no file to upload/);
  assert.equal(summary({ chosen: 3, sent: 1, refused: 0 }), "Sending 2 files of 3");
  assert.equal(summary({ chosen: 3, sent: 1, refused: 1 }), "Sending 1 file of 3 · 1 file not taken");
  assert.equal(summary({ chosen: 1, sent: 1, refused: 0 }), "1 file sent");
  assert.equal(summary({ chosen: 2, sent: 0, refused: 2 }), "2 files not taken");
});

function queueOf(count) {
  const sent = [];
  const queue = new UploadQueue((job) => sent.push(job));
  const jobs = Array.from({ length: count }, (_, number) => ({ number, tries: 0 }));
  queue.choose(count);
  for (const job of jobs) queue.add(job);
  queue.pump();
  return { queue, jobs, sent };
}

test("two files are sent at a time, in order", () => {
  const { queue, jobs, sent } = queueOf(4);
  assert.deepEqual(sent, jobs.slice(0, 2));
  assert.deepEqual(
    jobs.map((job) => job.state),
    ["sending", "sending", "waiting", "waiting"],
  );
  queue.settle(jobs[1], "sent");
  queue.release();
  assert.deepEqual(sent, jobs.slice(0, 3));
});

test("a queue is busy until the last request is over", () => {
  const { queue, jobs } = queueOf(1);
  assert.ok(queue.busy);
  queue.settle(jobs[0], "sent");
  assert.ok(queue.busy);
  queue.release();
  assert.ok(!queue.busy);
  assert.deepEqual(queue.counts, { chosen: 1, sent: 1, refused: 0 });
});

test("a file that is sent again counts once and may find the site busy anew", () => {
  const { queue, jobs, sent } = queueOf(1);
  jobs[0].tries = 4;
  queue.settle(jobs[0], "refused");
  queue.release();
  queue.again(jobs[0]);
  assert.deepEqual(queue.counts, { chosen: 1, sent: 0, refused: 0 });
  assert.equal(jobs[0].tries, 0);
  queue.pump();
  assert.equal(sent.length, 2);
  queue.settle(jobs[0], "sent");
  assert.deepEqual(queue.counts, { chosen: 1, sent: 1, refused: 0 });
});

test("a file that is too large is refused without a turn in the queue", () => {
  const { queue, sent } = queueOf(2);
  queue.choose(1);
  queue.settle({}, "refused");
  assert.equal(sent.length, 2);
  assert.deepEqual(queue.counts, { chosen: 3, sent: 0, refused: 1 });
});
