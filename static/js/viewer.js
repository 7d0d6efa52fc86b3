// The viewer's toggles, the evidence map's opacity, and turning to the previous or next scan by keyboard.

import { isShortcut } from "./lib/dom.js";
import { read, write } from "./lib/storage.js";
import { centered, storedOpacity } from "./lib/zoom.js";

const TOGGLE_KEYS = { i: "inverted", z: "zoomed", m: "mapped", b: "boxed" };
const TURN_KEYS = { j: "next", ArrowRight: "next", k: "prev", ArrowLeft: "prev" };
const REMEMBERED = ["mapped", "boxed"]; // somebody who reads many scans chooses once

const viewer = () => document.querySelector(".viewer");

function toggle(name) {
  const button = document.querySelector(`[data-toggle="${name}"]`);
  if (!button || !viewer()) return;
  const on = viewer().classList.toggle(name);
  if (name === "zoomed" && on) center();
  button.setAttribute("aria-pressed", String(on));
  if (REMEMBERED.includes(name)) write(`viewer-${name}`, on ? "on" : "off");
}

// Zooming leads to the evidence box if one is shown, else to the middle.
function center() {
  const stage = viewer().firstElementChild;
  const box = viewer().querySelector(".layer-box");
  const shown = box && box.offsetWidth > 0;
  stage.scrollTo(
    centered(
      stage,
      shown && { left: box.offsetLeft, top: box.offsetTop, width: box.offsetWidth, height: box.offsetHeight },
    ),
  );
}

function showOpacity(slider) {
  viewer().style.setProperty("--map-opacity", slider.value / 100);
  slider.setAttribute("aria-valuetext", `${slider.value} %`);
}

function restore() {
  const slider = document.querySelector("[data-opacity]");
  if (!slider) return;
  for (const name of REMEMBERED) {
    const button = document.querySelector(`[data-toggle="${name}"]`);
    if (button && read(`viewer-${name}`) === "off" && viewer().classList.contains(name)) toggle(name);
  }
  const opacity = storedOpacity(read("viewer-opacity"));
  if (opacity !== null) {
    slider.value = opacity;
    showOpacity(slider);
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-toggle]");
  if (button) toggle(button.dataset.toggle);
});

document.addEventListener("input", (event) => {
  if (!event.target.matches("[data-opacity]")) return;
  showOpacity(event.target);
  write("viewer-opacity", event.target.value);
  if (!viewer().classList.contains("mapped")) toggle("mapped");
});

document.addEventListener("keydown", (event) => {
  if (!isShortcut(event) || document.querySelector("dialog[open]")) return;
  if (TOGGLE_KEYS[event.key]) toggle(TOGGLE_KEYS[event.key]);
  const arrowsScroll = document.querySelector(".viewer.zoomed") && event.key.startsWith("Arrow");
  if (arrowsScroll) return;
  const turn = TURN_KEYS[event.key];
  if (turn) document.querySelector(`a[rel="${turn}"]`)?.click();
});

document.addEventListener("htmx:afterSettle", restore); // a result that arrives on the open page
restore();
