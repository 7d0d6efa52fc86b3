// The picture's toggles, and turning to the previous and next scan by keyboard.
"use strict";

(() => {
  const keys = { i: "inverted", z: "zoomed" };

  function toggle(name) {
    const viewer = document.querySelector(".viewer");
    if (!viewer) return;
    const on = viewer.classList.toggle(name);
    const stage = viewer.firstElementChild;
    if (name === "zoomed" && on) {
      stage.scrollTo((stage.scrollWidth - stage.clientWidth) / 2, (stage.scrollHeight - stage.clientHeight) / 2);
    }
    for (const button of document.querySelectorAll(`[data-toggle="${name}"]`)) button.setAttribute("aria-pressed", String(on));
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-toggle]");
    if (button) toggle(button.dataset.toggle);
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
})();
