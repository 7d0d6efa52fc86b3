// Replaces an image that failed to load with two words; its list explains once, in a sentence, what is wrong.
// The viewer handles its own images.

import { part } from "./lib/dom.js";

const KINDS = ".scan-image, .upload-preview img";

/** The explanation of the list that an image is in: the nearest one in the page. */
function sentenceOf(image) {
  for (let around = image.parentElement; around; around = around.parentElement) {
    const sentence = part(around, "no-images");
    if (sentence) return sentence;
  }
  return null;
}

// Nobody can look for a name in an image that does not show, so nothing offers to confirm that there is none.
function withdrawQuestion(link) {
  const row = link.closest(".upload-row");
  part(row, "no-preview").hidden = false;
  part(row, "confirm")?.remove();
  link.remove();
}

function replace(image) {
  const link = image.closest(".upload-preview");
  if (link) {
    withdrawQuestion(link);
    return;
  }
  const place = document.createElement("span");
  place.className = `${image.className} no-image`;
  place.textContent = "No image";
  place.ariaHidden = "true"; // a screen reader reads the explanation instead
  const sentence = sentenceOf(image);
  if (sentence) sentence.hidden = false;
  image.replaceWith(place);
}

document.addEventListener(
  "error",
  (event) => {
    if (event.target instanceof HTMLImageElement && event.target.matches(KINDS)) replace(event.target);
  },
  true, // an image's error does not bubble
);
for (const image of document.querySelectorAll(KINDS)) {
  if (image.complete && image.naturalWidth === 0) replace(image); // before this script ran
}
