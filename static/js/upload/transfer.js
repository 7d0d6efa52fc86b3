// One file's request, from the first byte to the server's answer.

import { progress, retryDelay } from "../lib/uploads.js";

/**
 * Sends job.file. Calls exactly one of the callbacks at the end; a busy site is tried again before that.
 *
 * onProgress({ percent, text }), onAnswer(request), onBroken(): the connection broke. XMLHttpRequest, because fetch does
 * not report the progress of an upload.
 */
export function transfer(job, form, { onProgress, onAnswer, onBroken }) {
  const request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.setRequestHeader("X-Requested-With", "XMLHttpRequest");
  request.upload.onprogress = (event) => {
    if (event.lengthComputable) onProgress(progress(event.loaded, event.total));
  };
  request.onload = () => {
    const retryAfter = Number(request.getResponseHeader("Retry-After"));
    const delay = retryDelay({ status: request.status, retryAfter, tries: job.tries });
    if (delay === null) {
      onAnswer(request);
      return;
    }
    job.tries += 1;
    onProgress({ text: "Busy, trying again …" });
    setTimeout(() => transfer(job, form, { onProgress, onAnswer, onBroken }), delay);
  };
  request.onerror = onBroken;
  onProgress({ text: "0 %" });
  request.send(body(job, form));
}

function body(job, form) {
  const data = new FormData();
  data.append("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
  data.append("case", job.reference);
  data.append("key", job.key);
  if (job.ownCase) data.append("own_case", "on");
  for (const id of job.lookedAt || []) data.append("looked_at", id);
  data.append("files", job.file, job.file.name); // last: what the server needs to know comes first
  return data;
}
