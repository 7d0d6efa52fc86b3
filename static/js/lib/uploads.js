// Uploads without the page: which files are sent, in which order, and what the summary says about them.

const MEGABYTE = 1024 * 1024;
const AT_ONCE = 2; // requests
const TRIES = 4; // of a file that finds the site busy, before its row says that it was not accepted
const CLUTTER = /(^|\/)(\.[^/]*|__MACOSX|Thumbs\.db|desktop\.ini|DICOMDIR)(\/|$)/i;
const BROWSER_IMAGE = /^image\/(png|jpeg|gif|webp|bmp|x-ms-bmp)$/;

/** Whether a path in a folder is a file that nobody means to upload. */
export const isClutter = (path) => CLUTTER.test(path);

/** Whether the browser can show the file by itself. */
export const isBrowserImage = (file) => BROWSER_IMAGE.test(file.type);

/** Why the file is too large, as a sentence; null if it is not. limits: `image` and `archive`, in megabytes. */
export function tooLarge(file, limits) {
  const limit = isBrowserImage(file) || file.type === "image/tiff" ? limits.image : limits.archive;
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

/** `items` in parts of at most `size`. */
export const batches = (items, size) =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, n) => items.slice(n * size, (n + 1) * size));

export const files = (count) => `${count} ${count === 1 ? "file" : "files"}`;

/** The parts of the line above the list. counts: rows in each state. */
export function summary({ left, total, paused }, counts) {
  const scans = `${counts.taken} ${counts.taken === 1 ? "scan" : "scans"} accepted`;
  return [
    left && (paused ? `${files(left)} of ${total} to send` : `Sending ${files(left)} of ${total}`),
    counts.taken && scans,
    counts.known && `${counts.known} already here`,
    counts.asks && `${counts.asks} to look at`,
    counts.refused && `${counts.refused} not accepted`,
    counts.waiting && `${counts.waiting} not sent`,
  ].filter(Boolean);
}

/** Takes the row out of `rows` (name and size of files that were not sent) that waits for this file; null if none. */
export function claimRow(rows, file) {
  const at = rows.findIndex((row) => row.name === file.name && Number(row.size) === file.size);
  return at < 0 ? null : rows.splice(at, 1)[0];
}

/**
 * Sends jobs in order, AT_ONCE at a time.
 *
 * A job is any object; the queue sets its `state`: waiting → sending → ended, or withdrawn. A job that waits for another
 * try stays `sending` and keeps its place, so that the ones after it wait too.
 */
export class UploadQueue {
  #waiting = [];
  #sending = new Set();
  #paused = false;
  total = 0;

  constructor(send) {
    this.send = send;
  }

  /** How many files are being sent or wait. */
  get left() {
    return this.#sending.size + this.#waiting.length;
  }

  get paused() {
    return this.#paused;
  }

  get busy() {
    return this.left > 0;
  }

  /** The jobs that have not ended. */
  get jobs() {
    return [...this.#sending, ...this.#waiting];
  }

  /** The jobs that have not started. */
  get waiting() {
    return [...this.#waiting];
  }

  /** Withdraw a job that has not started; false if it has. */
  withdraw(job) {
    const at = this.#waiting.indexOf(job);
    if (at < 0) return false;
    this.#waiting.splice(at, 1);
    this.total -= 1;
    job.state = "withdrawn";
    return true;
  }

  add(job) {
    if (!this.busy) this.total = 0;
    this.total += 1;
    job.state = "waiting";
    this.#waiting.push(job);
  }

  /** Send what may be sent now. */
  pump() {
    while (!this.#paused && this.#sending.size < AT_ONCE && this.#waiting.length) {
      const job = this.#waiting.shift();
      job.state = "sending";
      this.#sending.add(job);
      this.send(job);
    }
  }

  /** The job's request has ended; the next one may start. */
  end(job) {
    this.#sending.delete(job);
    job.state = "ended";
    this.pump();
  }

  /** The job's request failed; it is tried again next. */
  putBack(job) {
    this.#sending.delete(job);
    job.state = "waiting";
    this.#waiting.unshift(job);
  }

  /** Start no further request until `resume`. */
  pause() {
    this.#paused = true;
  }

  resume() {
    this.#paused = false;
    this.pump();
  }
}
