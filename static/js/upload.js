// Uploads: one file a request, two at a time, each on its own row until the server's row takes its place.
"use strict";

(() => {
  const form = document.getElementById("upload-form");
  if (!form) return;
  const input = form.querySelector('input[type="file"]');
  const reference = form.querySelector('input[name="case"]');
  const zone = document.getElementById("drop-zone");
  const list = document.getElementById("uploads");
  const summary = document.getElementById("upload-summary");
  const blank = document.getElementById("upload-row-template");
  const limits = { picture: Number(form.dataset.maxMb), many: Number(form.dataset.maxArchiveMb) };
  const CLUTTER = /(^|\/)(\.[^/]*|__MACOSX|Thumbs\.db|desktop\.ini|DICOMDIR)(\/|$)/i; // in folders; no one means to upload it

  const AT_ONCE = 2;
  const MOST_PREVIEWS = 60; // beyond these a row waits for the server's thumbnail
  const TRIES = 4; // of a file that finds the site busy, before its row says that it was not taken
  const BATCH = 40; // rows made in one go, so that 500 files do not freeze the page
  const waiting = [];
  const unconfirmed = new Map(); // rows of pictures that may carry names, each with the upload that it came in
  let running = 0;
  let previews = 0;
  const tally = { chosen: 0, sent: 0, refused: 0 };

  const shown = (file) => /^image\/(png|jpeg|gif|webp|bmp|x-ms-bmp)$/.test(file.type);
  const part = (row, name) => row.querySelector(`[data-part="${name}"]`);

  function makeRow(file) {
    const row = blank.content.firstElementChild.cloneNode(true);
    part(row, "name").textContent = file.name;
    if (shown(file) && previews < MOST_PREVIEWS) {
      previews += 1;
      const picture = document.createElement("img");
      picture.className = "picture thumb";
      picture.alt = "";
      picture.decoding = "async";
      picture.src = URL.createObjectURL(file);
      picture.onerror = () => picture.replaceWith(part(blank.content, "thumb").cloneNode(true));
      part(row, "thumb").replaceWith(picture);
    }
    return row;
  }

  function release(row) {
    const picture = row.querySelector('img[src^="blob:"]');
    if (!picture) return;
    previews -= 1;
    URL.revokeObjectURL(picture.src);
  }

  function say(row, text, again) {
    part(row, "bar").hidden = true;
    part(row, "said").textContent = text;
    part(row, "said").hidden = false;
    part(row, "remove").hidden = false;
    part(row, "again").hidden = !again;
    part(row, "again").onclick = again || null;
    tally.refused += 1;
    tell();
  }

  function tell() {
    const left = tally.chosen - tally.sent - tally.refused;
    const plural = (n) => `${n} ${n === 1 ? "file" : "files"}`;
    const words = [];
    if (left > 0) words.push(`Sending ${plural(left)} of ${tally.chosen}`);
    else if (tally.sent) words.push(`${plural(tally.sent)} sent`);
    if (tally.refused) words.push(`${plural(tally.refused)} not taken`);
    const text = words.join(" · ");
    if (summary.textContent !== text) summary.textContent = text;
  }

  function add(files) {
    const all = [...files];
    const name = reference.value.trim() || reference.defaultValue;
    tally.chosen += all.length;
    let at = 0;
    (function batch() {
      const piece = document.createDocumentFragment();
      for (const file of all.slice(at, at + BATCH)) {
        const row = makeRow(file);
        piece.append(row);
        const limit = shown(file) ? limits.picture : limits.many;
        if (file.size > limit * 1024 * 1024) {
          const size = (file.size / 1024 / 1024).toFixed(1);
          say(row, `This file has ${size} MB; at most ${limit} MB are accepted.`);
        } else waiting.push({ file, row, name });
      }
      list.append(piece);
      at += BATCH;
      tell();
      pump();
      if (at < all.length) requestAnimationFrame(batch);
    })();
  }

  function pump() {
    while (running < AT_ONCE && waiting.length) send(waiting.shift());
  }

  function send(job) {
    running += 1;
    const { file, row, name } = job;
    const bar = row.querySelector("progress");
    const data = new FormData();
    data.append("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
    data.append("case", name);
    data.append("files", file, file.name);
    if (job.confirmed) data.append("confirmed", "on");
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("X-Requested-With", "XMLHttpRequest");
    part(row, "bar-text").textContent = "0 %";
    request.upload.onprogress = (event) => {
      if (!event.lengthComputable) return;
      const share = Math.round((100 * event.loaded) / event.total);
      bar.value = share;
      part(row, "bar-text").textContent = share < 100 ? `${share} %` : "Checking …";
    };
    const again = () => {
      part(row, "said").hidden = part(row, "remove").hidden = part(row, "again").hidden = true;
      part(row, "bar").hidden = false;
      bar.value = 0;
      tally.refused -= 1;
      job.tries = 0;
      waiting.push(job);
      tell();
      pump();
    };
    let resting = false;
    request.onload = () => {
      resting = tryLater(request, job);
      if (!resting) answered(request, job, again);
    };
    request.onerror = () => say(row, "The connection broke while this file was sent.", again);
    request.onloadend = () => {
      if (resting) return;
      running -= 1;
      pump();
    };
    request.send(data);
  }

  // The site takes in as many uploads as it can. The file keeps its turn while it rests, so that those behind it rest
  // too; how long differs from page to page, or all would come back at once.
  function tryLater(request, job) {
    const seconds = Number(request.getResponseHeader("Retry-After"));
    const tries = job.tries || 0;
    if (request.status !== 503 || !seconds || tries >= TRIES) return false;
    job.tries = tries + 1;
    part(job.row, "bar-text").textContent = "Busy, trying again …";
    setTimeout(() => {
      running -= 1;
      send(job);
    }, 1000 * seconds * (1 + Math.random()));
    return true;
  }

  function answered(request, job, again) {
    const { row } = job;
    if (new URL(request.responseURL).pathname === document.body.dataset.login) {
      say(row, "You are logged out. Log in again in another tab, then try again.", again);
      return;
    }
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    const answers = [...page.querySelectorAll(".upload-row")];
    if (!answers.length) {
      say(row, `The server could not take this file (${request.status}).`, again);
      return;
    }
    if (request.status === 503) {
      say(row, answers[0].querySelector(".said").textContent, again);
      return;
    }
    const picture = row.querySelector("img");
    if (answers.length === 1 && !answers[0].dataset.row && picture) part(answers[0], "thumb")?.replaceWith(picture);
    else release(row);
    // An archive is one file here and many rows there.
    for (const fresh of answers) place(document.adoptNode(fresh), job);
    row.remove();
    job.counted = answers.some((fresh) => fresh.dataset.row) ? "sent" : "refused";
    tally[job.counted] += 1;
    tell();
    ensurePoller();
  }

  function place(fresh, job) {
    const taken = fresh.dataset.row;
    const known = taken && list.querySelector(`[data-row="${taken}"]`);
    if (known && fresh.hasAttribute("data-gathers")) {
      known.replaceWith(fresh); // one more slice of a series that has its row
    } else {
      if (known) twin(fresh);
      // What was uploaded before goes by its first name; the row keeps this file's own name in front of it.
      const stored = fresh.querySelector("[data-open]");
      const alone = fresh.hasAttribute("data-repeats") && stored.textContent !== job.file.name;
      if (alone) part(fresh, "alias").textContent = `${job.file.name} = `;
      job.row.before(fresh);
    }
    const confirm = part(fresh, "confirm");
    if (confirm) {
      unconfirmed.set(fresh, job);
      confirm.onclick = () => sendConfirmed(fresh, job);
    }
    htmx.process(fresh);
  }

  // The uploader has looked: what stands in the picture is no name. An archive goes again as a whole, for all of its
  // pictures; what was taken the first time is recognized.
  function sendConfirmed(refused, job) {
    const same = [...unconfirmed].filter(([, other]) => other === job).map(([row]) => row);
    const many = same.filter((row) => row.isConnected).length;
    if (many > 1 && !window.confirm(`This archive has ${many} pictures with text. Have you looked at all of them?`)) return;
    const row = makeRow(job.file);
    refused.before(row);
    for (const old of same) {
      unconfirmed.delete(old);
      old.remove();
    }
    tally[job.counted] -= 1;
    waiting.push({ ...job, row, confirmed: true, tries: 0 });
    tell();
    pump();
  }

  // The same picture twice on this page: the first row goes on telling, this one points to the same result.
  function twin(fresh) {
    delete fresh.dataset.row;
    if (fresh.querySelector("[data-status]")) fresh.querySelector(".upload-what").classList.add("upload-what-alone");
    for (const live of fresh.querySelectorAll("[data-status], form")) live.remove();
    if (fresh.querySelector("[data-note]")) return;
    const note = document.createElement("p");
    note.textContent = "The same picture as another file of this list; the result stands there.";
    fresh.querySelector(".upload-what").append(note);
  }

  for (const chooser of form.querySelectorAll('input[type="file"]')) {
    chooser.addEventListener("change", () => {
      add([...chooser.files].filter((file) => !CLUTTER.test(file.webkitRelativePath)));
      chooser.value = "";
    });
  }
  form.addEventListener("submit", (event) => event.preventDefault());

  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      zone.classList.add("over");
    });
  }
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) zone.classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault();
    zone.classList.remove("over");
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    if (entries.some((entry) => entry.isDirectory)) Promise.all(entries.map(within)).then((found) => add(found.flat()));
    else add(event.dataTransfer.files);
  });

  // The files of a dropped folder and of the folders in it. A folder tells its contents a hundred at a time.
  async function within(entry) {
    if (CLUTTER.test(entry.name)) return [];
    if (entry.isFile) return [await new Promise((done, failed) => entry.file(done, failed))];
    const reader = entry.createReader();
    const found = [];
    for (;;) {
      const some = await new Promise((done, failed) => reader.readEntries(done, failed));
      if (!some.length) return (await Promise.all(found.map(within))).flat();
      found.push(...some);
    }
  }

  list.addEventListener("click", (event) => {
    const button = event.target.closest('[data-part="remove"]');
    if (!button) return;
    const row = button.closest(".upload-row");
    const near = row.nextElementSibling || row.previousElementSibling;
    release(row);
    row.remove();
    (near?.querySelector("a, button:not([hidden])") || input).focus();
  });

  // A status poll knows nothing of the upload: what was said of a repeated picture moves over to the new row.
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    const note = event.detail.target.querySelector?.("[data-note]");
    const what = event.detail.fragment.querySelector(".upload-what");
    if (note && what && !what.querySelector("[data-note]")) what.append(note);
  });

  window.addEventListener("beforeunload", (event) => {
    if (running || waiting.length) event.preventDefault();
  });
})();
