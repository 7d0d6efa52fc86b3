// Opens a figure of the page as a viewer, and keeps its list of slices up to date while their run is in progress.

import { isForeign } from "../lib/person.js";
import { Controls } from "./controls.js";
import { Viewer } from "./viewer.js";

const ASK_AGAIN_AFTER = 3000; // milliseconds

/** {viewer, close}. */
export function open(figure) {
  const viewer = new Viewer(figure);
  const controls = new Controls(viewer);
  keepListed(viewer);
  return {
    viewer,
    close() {
      viewer.close();
      controls.close();
    },
  };
}

async function keepListed(viewer) {
  let again = true;
  try {
    const headers = { Accept: "application/json", "X-Requested-With": "XMLHttpRequest" };
    const answer = await fetch(viewer.figure.dataset.viewer, { headers });
    const isLost = isForeign(answer.url, answer.headers.get("X-Person"), document.body.dataset);
    if (!answer.ok || isLost) throw new Error(String(answer.status)); // another person may know other results
    const listing = await answer.json();
    if (viewer.closed) return;
    again = listing.active;
    viewer.setSlices(listing);
  } catch {
    viewer.setUnlisted("Window and slices could not be loaded; trying again.");
  }
  if (again) setTimeout(() => viewer.closed || keepListed(viewer), ASK_AGAIN_AFTER);
}
