// Axial, coronal and sagittal views of a series whose voxels are about as long as they are wide, cut from its slices.

export const PLANES = ["axial", "coronal", "sagittal"];
const SHOWN = { axial: ["RL", "AP"], coronal: ["RL", "HF"], sagittal: ["AP", "HF"] }; // from left to right, from top to bottom
const STACKED = { axial: "FH", coronal: "AP", sagittal: "RL" }; // from the first view of a plane to the last
const FEWEST = 24; // slices
const LONGEST = 2.5; // ratio of a voxel's sides
const REGULAR = 0.25; // fraction of the spacing by which a distance may differ from it, as the site notes others
const STEPS = 0xffff;

const reversed = (pair) => pair[1] + pair[0];

/** Whether a series can be cut in other planes. letters: at the left, right, upper and lower edge. spacing: mm between
 * slices. values: one of its slices. limit: bytes that may be kept in memory. */
export function canBeCut({ slices, plane, letters, spacing, normal }, values, limit) {
  if (!plane || letters.length !== 4 || !spacing || !values?.millimeters || slices.length < FEWEST) return false;
  const pixel = values.millimeters[0] / values.columns;
  if (sideways(slices, normal) > pixel) return false; // each would be put straight above the one before
  if (!isEven(slices, spacing)) return false;
  const elongation = Math.max(spacing / pixel, pixel / spacing);
  return elongation <= LONGEST && slices.length * values.samples.byteLength <= limit;
}

/** Whether the slices lie in order at even distances, as far as it is known. Those that have just come stand last, until
 * a run puts all in order and notes gaps. */
function isEven(slices, spacing) {
  if (!slices.every(({ along }) => Number.isFinite(along))) return true;
  const way = Math.sign(slices.at(-1).along - slices[0].along);
  const distances = slices.slice(1).map(({ along }, at) => way * (along - slices[at].along));
  return distances.every((one) => Math.abs(one - spacing) <= REGULAR * spacing);
}

/** Millimeters by which the slices are shifted within their planes, as far as it is known where they lie. */
function sideways(slices, normal) {
  const start = slices[0].position;
  if (!normal || !start) return 0;
  const shifts = slices.map(({ position }) => {
    const way = (position ?? start).map((one, axis) => one - start[axis]);
    const along = way.reduce((sum, one, axis) => sum + one * normal[axis], 0);
    return Math.hypot(...way.map((one, axis) => one - along * normal[axis]));
  });
  return Math.max(...shifts);
}

/** For a plane: which axis of the stack (column, row or slice) runs from left to right, from top to bottom, and through
 * the views, and which of them run backwards. stacked: letters at the first and the last slice. */
export function axesOf(plane, { letters, stacked }) {
  const stack = { column: letters[0] + letters[1], row: letters[2] + letters[3], slice: stacked };
  const along = (pair) => {
    const [axis, ends] = Object.entries(stack).find(([, found]) => found === pair || found === reversed(pair));
    return { axis, backwards: ends !== pair };
  };
  const [across, down, through] = [...SHOWN[plane], STACKED[plane]].map(along);
  return { across, down, through };
}

/** A stack that can be cut. slices: all of them, as the store has them, of one size. */
export class Volume {
  constructor(slices, { letters, spacing, stacked }) {
    const [first] = slices;
    const middle = slices[Math.floor(slices.length / 2)];
    this.slices = slices;
    this.stack = { letters, stacked };
    this.sizes = { column: first.columns, row: first.rows, slice: slices.length };
    this.sides = {
      column: first.millimeters[0] / first.columns,
      row: first.millimeters[1] / first.rows,
      slice: spacing,
    };
    const low = Math.min(...slices.map((one) => one.range[0]));
    const high = Math.max(...slices.map((one) => one.range[1]));
    const whole = slices.every((one) => one.step === 1) && high - low <= STEPS;
    this.common = {
      bits: 16,
      offset: low,
      step: whole ? 1 : (high - low) / STEPS,
      range: [low, high],
      auto: middle.auto,
      windows: middle.windows,
      inverted: middle.inverted,
    };
  }

  /** How many views a plane has. */
  count(plane) {
    return this.sizes[axesOf(plane, this.stack).through.axis];
  }

  /** One view, like a slice of the store. For the acquired plane, use the slices themselves. */
  view(plane, index) {
    const { across, down, through } = axesOf(plane, this.stack);
    const { sizes, sides } = this;
    const at = through.backwards ? sizes[through.axis] - 1 - index : index;
    const [columns, rows] = [sizes[across.axis], sizes[down.axis]];
    const samples = new Uint16Array(columns * rows);
    const [stacked, other] = across.axis === "slice" ? [across, down] : [down, across];
    const steps = { [across.axis]: 1, [down.axis]: columns }; // between samples of the view along each axis
    const first = (axis) => (axis.backwards ? (sizes[axis.axis] - 1) * steps[axis.axis] : 0);
    const start = first(stacked) + first(other);
    const [bySlice, byOther] = [stacked, other].map((one) => steps[one.axis] * (one.backwards ? -1 : 1));
    const [from, stride] = other.axis === "column" ? [at * sizes.column, 1] : [at, sizes.column];
    for (let slice = 0; slice < sizes.slice; slice += 1) {
      const source = this.slices[slice];
      const scale = source.step / this.common.step;
      const shift = (source.offset - this.common.offset) / this.common.step + 0.5; // rounded by the typed array
      let into = start + slice * bySlice;
      for (let step = 0, read = from; step < sizes[other.axis]; step += 1, read += stride, into += byOther) {
        samples[into] = source.samples[read] * scale + shift;
      }
    }
    const millimeters = [columns * sides[across.axis], rows * sides[down.axis]];
    return { ...this.common, columns, rows, samples, millimeters, ratio: millimeters[0] / millimeters[1] };
  }
}

/** The letters at the left, right, upper and lower edge of a plane's views. */
export const lettersOf = (plane) => [...SHOWN[plane].join("")];
