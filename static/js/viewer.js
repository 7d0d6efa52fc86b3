// The picture's toggles, the evidence map's opacity, and turning to the previous and next scan by keyboard.
"use strict";

(() => {
  const keys = { i: "inverted", z: "zoomed", m: "mapped", b: "boxed" };
  const kept = ["mapped", "boxed"]; // who reads many scans chooses once

  function recall(name) {
    try {
      return localStorage.getItem(`viewer-${name}`);
    } catch (error) {
      return null; // storage is blocked: nothing is remembered
    }
  }

  function remember(name, value) {
    try {
      localStorage.setItem(`viewer-${name}`, value);
    } catch (error) {
      // storage is blocked: the choice holds for this page
    }
  }

  const viewer = () => document.querySelector(".viewer");

  function toggle(name) {
    const button = document.querySelector(`[data-toggle="${name}"]`);
    if (!button || !viewer()) return;
    const on = viewer().classList.toggle(name);
    if (name === "zoomed" && on) center();
    button.setAttribute("aria-pressed", String(on));
    if (kept.includes(name)) remember(name, on ? "on" : "off");
  }

  // Zooming leads to the strongest region, where there is one on view, and else to the middle.
  function center() {
    const stage = viewer().firstElementChild;
    const box = viewer().querySelector(".layer-box");
    const shown = box && box.offsetWidth > 0;
    const x = shown ? box.offsetLeft + box.offsetWidth / 2 : stage.scrollWidth / 2;
    const y = shown ? box.offsetTop + box.offsetHeight / 2 : stage.scrollHeight / 2;
    stage.scrollTo(x - stage.clientWidth / 2, y - stage.clientHeight / 2);
  }

  function fade(slider) {
    viewer().style.setProperty("--map-opacity", slider.value / 100);
    slider.setAttribute("aria-valuetext", `${slider.value} %`);
  }

  function restore() {
    const slider = document.querySelector("[data-opacity]");
    if (!slider) return;
    for (const name of kept) {
      const button = document.querySelector(`[data-toggle="${name}"]`);
      if (button && recall(name) === "off" && viewer().classList.contains(name)) toggle(name);
    }
    const opacity = Number.parseInt(recall("opacity"), 10);
    if (opacity >= 0 && opacity <= 100) {
      slider.value = opacity;
      fade(slider);
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-toggle]");
    if (button) toggle(button.dataset.toggle);
  });

  document.addEventListener("input", (event) => {
    if (!event.target.matches("[data-opacity]")) return;
    fade(event.target);
    remember("opacity", event.target.value);
    if (!viewer().classList.contains("mapped")) toggle("mapped");
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    if (keys[event.key]) toggle(keys[event.key]);
    const scrolled = document.querySelector(".viewer.zoomed") && event.key.startsWith("Arrow");
    if (scrolled) return;
    const turn = { j: "next", ArrowRight: "next", k: "prev", ArrowLeft: "prev" }[event.key];
    if (turn) document.querySelector(`a[rel="${turn}"]`)?.click();
  });

  restore();
  document.addEventListener("htmx:afterSettle", restore); // a result that arrives on the open page
})();
