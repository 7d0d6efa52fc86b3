// Drawn over the image: the evidence box, locations that readers marked, distances, and the keyboard's cross.

import { toStage } from "./geometry.js";
import { distance, inWords } from "./measure.js";

const SVG = "http://www.w3.org/2000/svg";
const CAPTION_HEIGHT = 24; // pixels that a caption above the box needs
const CROSS = 9; // pixels

function element(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function line(a, b, name) {
  const ends = { x1: a.x, y1: a.y, x2: b.x, y2: b.y };
  return [element("line", { ...ends, class: "mark-behind" }), element("line", { ...ends, class: name })];
}

function cross(at, name) {
  return [
    ...line({ x: at.x - CROSS, y: at.y }, { x: at.x + CROSS, y: at.y }, name),
    ...line({ x: at.x, y: at.y - CROSS }, { x: at.x, y: at.y + CROSS }, name),
  ];
}

function frame([left, top, right, bottom], rect, name) {
  const [a, b] = [toStage({ x: left, y: top }, rect), toStage({ x: right, y: bottom }, rect)];
  const sides = { x: a.x, y: a.y, width: b.x - a.x, height: b.y - a.y };
  return [element("rect", { ...sides, class: "mark-behind" }), element("rect", { ...sides, class: name })];
}

function caption(at, text) {
  return element("text", { x: at.x + CROSS, y: at.y - CROSS, class: "mark-text" }, text);
}

function drawn({ x, y, box, label }, rect) {
  const corner = toStage(box ? { x: box[0], y: box[1] } : { x, y }, rect);
  const marks = box ? frame(box, rect, "mark-location") : cross(corner, "mark-location");
  return label ? [...marks, caption(corner, label)] : marks;
}

/** Draw again. rect: the image on the stage. shown: locations, measurements ({a, b}), size in mm or null, aim (a point),
 * draft ({a, b} or {box}) that is being drawn. */
export function drawMarks(svg, rect, { locations, measurements, size, aim, draft }) {
  const lines = [...measurements, ...(draft?.a ? [draft] : [])];
  const parts = locations.flatMap((one) => drawn(one, rect));
  for (const { a, b } of lines) {
    const [from, to] = [toStage(a, rect), toStage(b, rect)];
    parts.push(...line(from, to, "mark-line"), caption(to, inWords(distance(a, b, size))));
  }
  if (draft?.box) parts.push(...frame(draft.box, rect, "mark-location"));
  if (aim) parts.push(...cross(toStage(aim, rect), "mark-aim"));
  svg.replaceChildren(...parts);
}

/** Put the evidence box where it lies on the stage, or hide it. box: left, top, width, height in fractions. */
export function layBox(part, rect, stage, { box, caption: text }) {
  part.hidden = !box;
  if (!box) return;
  const at = toStage({ x: box[0], y: box[1] }, rect);
  const size = { width: box[2] * rect.width, height: box[3] * rect.height };
  part.style.left = `${at.x}px`;
  part.style.top = `${at.y}px`;
  part.style.width = `${size.width}px`;
  part.style.height = `${size.height}px`;
  part.classList.toggle("caption-below", at.y < CAPTION_HEIGHT);
  part.classList.toggle("caption-right", at.x + size.width / 2 > stage.width / 2);
  part.firstElementChild.textContent = text;
}
