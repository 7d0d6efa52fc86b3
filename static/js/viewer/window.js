// Windows: which gray values are shown, from black at `low` to white at `high`. A choice is what the reader picked; it
// becomes two bounds only with a slice, because files give each slice windows of its own.

const PIXELS = 400; // of dragging that change a window by the width of the automatic one
const NARROWEST = 1 / 500; // of the automatic window's width
const LEVELS = { 8: 256, 16: 65_536 };
const OPAQUE = 0xff000000;
const GRAY = 0x010101;

/** The choices that a slice offers, each with the words for it. */
export function choices(slice) {
  const own = slice.windows.map((bounds, index) => ({
    value: `file-${index}`,
    text: index === 0 ? "As in the file" : `File's window ${index + 1}: ${words(bounds)}`,
  }));
  return [
    ...own,
    { value: "auto", text: "Automatic" },
    { value: "full", text: "Full range" },
    { value: "narrow", text: "High contrast" },
    { value: "dark", text: "Dark tissue" },
  ];
}

/** The choice to begin with: what the reader chose last where this file offers it, else the file's own window. */
export function firstChoice(slice, remembered) {
  if (choices(slice).some(({ value }) => value === remembered)) return remembered;
  return slice.windows.length ? "file-0" : "auto";
}

/** Bounds of a choice for a slice. The number of a window that the slice lacks means its first one. */
export function bounds(choice, slice) {
  const [low, high] = slice.auto;
  const width = high - low || 1;
  if (choice === "full") return slice.range[1] > slice.range[0] ? slice.range : [slice.range[0], slice.range[0] + 1];
  if (choice === "narrow") return [low + 0.25 * width, low + 0.75 * width];
  if (choice === "dark") return [low, low + 0.4 * width];
  if (choice.startsWith("file-") && slice.windows.length) {
    return slice.windows[Number(choice.slice(5))] ?? slice.windows[0];
  }
  return [low, low + width];
}

/** Whether a choice keeps its bounds from slice to slice: all do, except the file's own windows. */
export const isFixed = (choice) => !choice.startsWith("file-");

/** Bounds after a drag: to the right shows more grays, upwards is brighter. */
export function dragged([low, high], by, slice) {
  const unit = (slice.auto[1] - slice.auto[0] || 1) / PIXELS;
  const width = Math.max(high - low + by.x * unit, PIXELS * unit * NARROWEST);
  const middle = (low + high) / 2 + by.y * unit;
  return [middle - width / 2, middle + width / 2];
}

/** Center and width, from the file or else from the bounds, rounded so that different windows still differ. */
export function words([low, high, center = (low + high) / 2, width = high - low]) {
  const digits = Math.max(0, 2 - Math.floor(Math.log10(width || 1)));
  const rounded = (value) => Number(value.toFixed(Math.min(digits, 6))).toString();
  return `C ${rounded(center)} W ${rounded(width)}`;
}

/** A color for each sample of a slice, as the 32 bits of a canvas. inverted: black and white change places. */
export function table([low, high], slice, inverted) {
  const colors = new Uint32Array(LEVELS[slice.bits]);
  const flip = inverted !== slice.inverted;
  const scale = 255 / (high - low || 1);
  for (let sample = 0; sample < colors.length; sample += 1) {
    const value = (slice.offset + slice.step * sample - low) * scale;
    const level = value <= 0 ? 0 : value >= 255 ? 255 : Math.round(value);
    colors[sample] = OPAQUE + (flip ? 255 - level : level) * GRAY;
  }
  return colors;
}

/** The parts of a table that depend on the slice. */
export const tableKey = ([low, high], slice, inverted) =>
  `${low} ${high} ${slice.bits} ${slice.offset} ${slice.step} ${inverted !== slice.inverted}`;
