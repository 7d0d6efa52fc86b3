// An image that could not be loaded gives its place to two words, and its list says once, in a sentence, what holds.
// The viewer looks after its own.

import { part } from "./lib/dom.js";

const KINDS = ".scan-image, .upload-preview img";

/** The sentence of the list that an image stands in: the one that is nearest in the page. */
function sentenceOf(image) {
  for (let around = image.parentElement; around; around = around.parentElement) {
    const sentence = part(around, "no-images");
    if (sentence) return sentence;
  }
  return null;
}

// A name cannot be looked for in an image that is not seen, so nothing offers to say that there is none.
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
  place.ariaHidden = "true"; // for the ear, the sentence says it once
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
