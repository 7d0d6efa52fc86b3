// A series: slices are fetched as they are turned to, small ones first, and their neighbors ahead of time.
"use strict";

(() => {
  const AHEAD = 6; // neighbors fetched in the direction of travel, and a third as many behind
  const KEPT = 80; // decoded pictures held; a 512 × 512 one takes a megabyte
  const CINE = 100; // milliseconds a slice
  const ASK_AGAIN = 3000; // milliseconds between looks at a run in progress

  let view = null;

  function start() {
    const figure = document.querySelector("[data-series]");
    if (!figure || (view && view.figure === figure)) return;
    if (view) view.stop();
    view = open(figure);
  }

  function open(figure) {
    const part = (name) => figure.querySelector(`[data-part="${name}"]`);
    const picture = part("picture");
    const map = part("map");
    const box = part("box");
    const slider = part("slider");
    const choice = part("window");
    const held = new Map(); // address → image, oldest first
    let slices = [];
    let at = Number(figure.dataset.start) || 0;
    let direction = 1;
    let timer = null;
    let alive = true;
    let wheeled = 0;

    function address(slice) {
      return choice && choice.value ? `${slice.preview}?window=${choice.value}` : slice.preview;
    }

    function fetched(source) {
      let image = held.get(source);
      if (image) held.delete(source); // it becomes the newest
      else {
        image = new Image();
        image.decoding = "async";
        image.src = source;
      }
      held.set(source, image);
      while (held.size > KEPT) held.delete(held.keys().next().value);
      return image;
    }

    function show(index) {
      if (!slices.length) return;
      const next = Math.min(Math.max(index, 0), slices.length - 1);
      if (next !== at) direction = Math.sign(next - at);
      at = next;
      const slice = slices[at];
      const large = fetched(address(slice));
      if (large.complete) picture.src = large.src;
      else {
        picture.src = slice.thumbnail;
        large.decode().then(
          () => {
            if (slices[at] === slice && address(slice) === new URL(large.src).pathname + new URL(large.src).search) picture.src = large.src;
          },
          () => {}, // it could not be fetched: the small one stays
        );
      }
      picture.alt = `Slice ${slice.number} of ${slices.length}`;
      map.hidden = !slice.map;
      if (slice.map) {
        map.src = slice.map;
        map.alt = `Evidence map over the slice: strongest in the ${slice.region} of the picture.`;
      }
      frame(slice);
      tell(slice);
      for (let step = 1; step <= AHEAD; step += 1) ahead(at + step * direction);
      for (let step = 1; step <= AHEAD / 3; step += 1) ahead(at - step * direction);
    }

    function ahead(index) {
      const slice = slices[index];
      if (!slice) return;
      fetched(address(slice));
      if (slice.map && figure.classList.contains("mapped")) fetched(slice.map);
    }

    function frame(slice) {
      box.hidden = !slice.box;
      if (!slice.box) return;
      const share = (value) => `${(100 * value).toFixed(2)}%`;
      [box.style.left, box.style.top, box.style.width, box.style.height] = slice.box.map(share);
      box.classList.toggle("caption-below", slice.box[1] < 0.12);
      box.classList.toggle("caption-right", slice.box[0] > 0.5);
      box.firstElementChild.textContent = slice.caption;
    }

    function tell(slice) {
      const words = `Slice ${slice.number} of ${slices.length}`;
      slider.value = slice.number;
      slider.setAttribute("aria-valuetext", `${words}: ${slice.label}`);
      part("number").textContent = words;
      part("says").textContent = slice.label;
      part("says").className = `status-${slice.status}`;
      part("here").style.left = `${(100 * (at + 0.5)) / slices.length}%`;
      const overlay = part("overlay");
      overlay.hidden = !slice.overlay;
      if (slice.overlay) {
        overlay.href = slice.overlay;
        overlay.download = `slice-${slice.number}-evidence.png`;
      }
    }

    // One bar a slice: as high as its probability, colored by what is said of it; a slice that was not judged is a stub.
    function draw() {
      const strip = part("strip");
      strip.setAttribute("viewBox", `0 0 ${slices.length} 1`);
      strip.replaceChildren(
        ...slices.map((slice, index) => {
          const bar = document.createElementNS("http://www.w3.org/2000/svg", "rect");
          const height = slice.probability === null ? 0.06 : Math.max(slice.probability, 0.06);
          bar.setAttribute("x", index + 0.08);
          bar.setAttribute("y", 1 - height);
          bar.setAttribute("width", 0.84);
          bar.setAttribute("height", height);
          bar.setAttribute("class", `status-${slice.status}`);
          return bar;
        }),
      );
      slider.max = slices.length;
    }

    function load() {
      fetch(figure.dataset.series, { headers: { Accept: "application/json" } })
        .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(String(answer.status)))))
        .then((found) => {
          if (!alive) return;
          slices = found.slices;
          draw();
          show(at);
          if (found.active) setTimeout(() => alive && load(), ASK_AGAIN);
        })
        .catch(() => {
          part("says").textContent = "The slices could not be loaded just now; trying again.";
          setTimeout(() => alive && load(), ASK_AGAIN);
        });
    }

    function play(on) {
      clearInterval(timer);
      timer = on ? setInterval(() => show(at + 1 < slices.length ? at + 1 : 0), CINE) : null;
      part("play").setAttribute("aria-pressed", String(on));
    }

    slider.addEventListener("input", () => {
      play(false);
      show(Number(slider.value) - 1);
    });
    part("play").addEventListener("click", () => play(timer === null));
    choice?.addEventListener("change", () => show(at));
    part("stage").addEventListener(
      "wheel",
      (event) => {
        if (event.ctrlKey || figure.classList.contains("zoomed")) return;
        event.preventDefault();
        wheeled += event.deltaMode === 0 ? event.deltaY / 40 : event.deltaY;
        const steps = Math.trunc(wheeled);
        wheeled -= steps;
        if (steps) show(at + steps);
      },
      { passive: false },
    );

    load();
    return {
      figure,
      show,
      step: (by) => {
        play(false);
        show(at + by);
      },
      stop: () => {
        alive = false;
        play(false);
      },
    };
  }

  document.addEventListener("keydown", (event) => {
    if (!view || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (document.querySelector("dialog[open], .viewer.zoomed")) return;
    const by = { ArrowUp: -1, ArrowDown: 1, PageUp: -10, PageDown: 10 }[event.key];
    if (!by) return;
    event.preventDefault();
    view.step(by);
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-slice]");
    if (!link || !view || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    view.step(0);
    view.show(Number(link.dataset.slice));
  });

  start();
  document.addEventListener("htmx:afterSettle", start); // a result that arrives on the open page
})();
