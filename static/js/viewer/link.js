// Two scans of a case side by side: which of their slices match, and how a window of one applies to the other.

import { clampIndex } from "../lib/slices.js";

const PARALLEL = 0.99; // cosine between the normals of two stacks that count as parallel
const LEVEL = 0.99995; // and between those whose tilt moves no slice by more than 1 mm, 100 mm off its middle
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

/** How slices of two listings match: by "position" in the patient where both stacks lie in one frame of reference
 * and across the same direction, by "fraction" of the way through the stack else, and not at all (null) where one is a
 * single image or the planes differ. center: of a listing, from each slice's position, at its corner, to its middle. */
export function linkedBy(a, b) {
  if (a.slices.length < 2 || b.slices.length < 2) return null;
  if (a.normal && b.normal && Math.abs(dot(a.normal, b.normal)) < PARALLEL) return null;
  if (a.plane && b.plane && a.plane !== b.plane) return null;
  const known = ({ slices }) => slices.every(({ along }) => along !== null);
  const sameFrame = a.frame !== null && a.frame === b.frame;
  if (!sameFrame || !a.normal || !b.normal || !known(a) || !known(b)) return "fraction";
  const isLevel = Math.abs(dot(a.normal, b.normal)) >= LEVEL;
  return isLevel || (hasMiddles(a) && hasMiddles(b)) ? "position" : "fraction";
}

const hasMiddles = ({ center, slices }) => Boolean(center) && slices.every(({ position }) => position);

/** Millimeters along the normal of `to` at which the middle of a slice of `from` lies. */
function alongOther(index, from, to) {
  const { along, position } = from.slices[index];
  if (!from.center || !position) return Math.sign(dot(from.normal, to.normal)) * along;
  const middle = position.map((corner, axis) => corner + from.center[axis]);
  return dot(middle, to.normal);
}

/** Index of the slice of `to` that matches slice `index` of `from`. */
export function linkedIndex(index, from, to, by) {
  if (by === "fraction") {
    const way = index / (from.slices.length - 1);
    const opposite = from.stacked && to.stacked && from.stacked !== to.stacked;
    return Math.round((opposite ? 1 - way : way) * (to.slices.length - 1));
  }
  const along = alongOther(index, from, to);
  let nearest = 0;
  for (let at = 1; at < to.slices.length; at += 1) {
    if (Math.abs(to.slices[at].along - along) < Math.abs(to.slices[nearest].along - along)) nearest = at;
  }
  return nearest;
}

/** The same where the reader has shifted one stack: `from` by `before` of its slices, or `to` by `after` of its own. */
export function shiftedIndex(index, from, to, by, { before = 0, after = 0 }) {
  return linkedIndex(clampIndex(index - before, from.slices.length), from, to, by) + after;
}

/** Bounds on `to` for a window on `from`: gray values of MR have no unit, so they keep their place within each
 * slice's automatic window. */
export function carried([low, high], from, to) {
  const [start, end] = from.auto;
  const [first, last] = to.auto;
  const scale = (last - first || 1) / (end - start || 1);
  return [first + (low - start) * scale, first + (high - start) * scale];
}

/** The page's words for a link. */
export const SAID = {
  position: "Slices go together by their position in the patient.",
  fraction: "Slices go together by how far they lie through each stack: the scans share no position in the patient.",
  none: "Slices do not go together: the planes differ, or one scan is a single image.",
};
