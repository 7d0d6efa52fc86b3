// Two viewers side by side, linked if the reader wants. Keys go to the one used last.

import { carried, linkedBy, linkedIndex, SAID, shiftedIndex } from "./viewer/link.js";
import { open } from "./viewer/open.js";

const page = document.querySelector("[data-compare]");
const viewers = [...page.querySelectorAll("[data-viewer]")].map((figure) => open(figure).viewer);
const linked = (what) => page.querySelector(`[data-link="${what}"]`).checked;
let following = false; // so that a viewer that follows the other does not move it in turn
let offset = 0; // slices by which the reader shifted the second stack while they were not linked

function activate(viewer) {
  for (const one of viewers) one.inactive = one !== viewer;
  for (const one of viewers) one.figure.classList.toggle("active", one === viewer);
}

/** The viewer's listing, with the way from a slice's corner to its middle, in mm in the patient; null until it is there. */
function listed({ listing, figure }) {
  return listing && { ...listing, center: figure.dataset.center ? JSON.parse(figure.dataset.center) : null };
}

function by() {
  const [a, b] = viewers.map(listed);
  return a && b ? linkedBy(a, b) : null;
}

function tell() {
  const how = by();
  page.querySelector('[data-part="linked-by"]').textContent = SAID[how ?? "none"];
  page.querySelector('[data-link="slices"]').disabled = how === null;
}

function follow(leader, other, what) {
  if (what === "slice" && linked("slices") && by()) {
    const shift = leader === viewers[0] ? { after: offset } : { before: offset };
    other.show(shiftedIndex(leader.index, listed(leader), listed(other), by(), shift));
  }
  if (what === "window" && linked("window") && other.values && leader.values) {
    if (leader.choice === "own") other.setBounds(carried(leader.shownBounds, leader.values, other.values));
    else other.choose(leader.choice);
    other.set("inverted", leader.inverted);
  }
  if (what === "inverted" && linked("window")) other.set("inverted", leader.inverted);
  if (what === "view" && linked("view")) other.setView(leader.view);
}

viewers.forEach((viewer, index) => {
  const other = viewers[1 - index];
  viewer.activate = () => activate(viewer);
  viewer.figure.addEventListener("focusin", () => activate(viewer));
  viewer.figure.addEventListener("pointerdown", () => activate(viewer));
  viewer.stage.addEventListener("wheel", () => activate(viewer), { passive: true });
  viewer.addEventListener("changed", ({ detail }) => {
    if (detail.what === "listed") tell();
    if (following) return;
    following = true;
    follow(viewer, other, detail.what);
    following = false;
  });
});

// When they are linked again, the stacks keep that shift.
page.addEventListener("change", (event) => {
  if (!event.target.matches('[data-link="slices"]') || !event.target.checked || !by()) return;
  offset = viewers[1].index - linkedIndex(viewers[0].index, ...viewers.map(listed), by());
});

activate(viewers[0]);
