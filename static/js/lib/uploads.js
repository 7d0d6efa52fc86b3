// Uploads without the page: which files are sent, in which order, and what the summary says about them.

const MEGABYTE = 1024 * 1024;
const AT_ONCE = 2; // requests
const TRIES = 4; // of a file that finds the site busy, before its row says that it was not taken
const CLUTTER = /(^|\/)(\.[^/]*|__MACOSX|Thumbs\.db|desktop\.ini|DICOMDIR)(\/|$)/i;
const BROWSER_IMAGE = /^image\/(png|jpeg|gif|webp|bmp|x-ms-bmp)$/;

/** Whether a path in a folder is a file that nobody means to upload. */
export const isClutter = (path) => CLUTTER.test(path);

/** Whether the browser can show the file by itself. */
export const isBrowserImage = (file) => BROWSER_IMAGE.test(file.type);

/** Why the file is too large, as a sentence; null if it is not. limits: `image` and `archive`, in megabytes. */
export function tooLarge(file, limits) {
  const limit = isBrowserImage(file) ? limits.image : limits.archive;
  if (file.size <= limit * MEGABYTE) return null;
  return `This file has ${(file.size / MEGABYTE).toFixed(1)} MB; at most ${limit} MB are accepted.`;
}

/** What the progress bar says about `loaded` of `total` bytes. */
export function progress(loaded, total) {
  const percent = Math.round((100 * loaded) / total);
  return { percent, text: percent < 100 ? `${percent} %` : "Checking …" };
}

/** Milliseconds until the next try of a file that found the site busy; null if it is not tried again.
 * `random` (0 to 1) spreads the tries, so that several pages do not all come back at once. */
export function retryDelay({ status, retryAfter, tries, random = Math.random() }) {
  if (status !== 503 || !retryAfter || tries >= TRIES) return null;
  return 1000 * retryAfter * (1 + random);
}

const files = (count) => `${count} ${count === 1 ? "file" : "files"}`;

/** The line under the form. */
export function summary({ chosen, sent, refused }) {
  if (!chosen) return "There is no file to upload in what you chose.";
  const left = chosen - sent - refused;
  const parts = [];
  if (left > 0) parts.push(`Sending ${files(left)} of ${chosen}`);
  else if (sent) parts.push(`${files(sent)} sent`);
  if (refused) parts.push(`${files(refused)} not taken`);
  return parts.join(" · ");
}

/**
 * Sends jobs in order, AT_ONCE at a time, and counts how they end.
 *
 * A job is any object; the queue sets its `state`: waiting → sending → sent or refused. A job that rests before another
 * try stays `sending` and keeps its turn, so that the ones behind it rest too.
 */
export class UploadQueue {
  #waiting = [];
  #sending = 0;
  counts = { chosen: 0, sent: 0, refused: 0 };

  constructor(send) {
    this.send = send;
  }

  /** Whether bytes still travel or wait for it. */
  get busy() {
    return this.#sending > 0 || this.#waiting.length > 0;
  }

  /** Count files that were chosen; each is added or refused later. */
  choose(count) {
    this.counts.chosen += count;
  }

  add(job) {
    job.state = "waiting";
    this.#waiting.push(job);
  }

  /** Send what may be sent now. */
  pump() {
    while (this.#sending < AT_ONCE && this.#waiting.length) {
      const job = this.#waiting.shift();
      job.state = "sending";
      this.#sending += 1;
      this.send(job);
    }
  }

  /** The job's request is over; the next one may go. */
  release() {
    this.#sending -= 1;
    this.pump();
  }

  /** `state`: sent or refused. */
  settle(job, state) {
    job.state = state;
    this.counts[state] += 1;
  }

  /** Take back how the job ended, and send it again. */
  again(job) {
    this.counts[job.state] -= 1;
    job.tries = 0;
    this.add(job);
  }
}
