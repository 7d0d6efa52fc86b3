// The site's answer with gray values of a few slices, as diagnosis/presentation/pixel_data.py describes it.

const START = 4; // bytes of the header's length

/** The slices of an answer: each with its entry of the header and, as `samples`, a typed array. */
export function parse(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const { first, slices } = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, START, length)));
  return { first, slices: slices.map((entry) => ({ ...entry, samples: samples(buffer, START + length, entry) })) };
}

function samples(buffer, start, { at, rows, columns, bits }) {
  const count = rows * columns;
  if (bits === 8) return new Uint8Array(buffer, start + at, count);
  const upper = new Uint8Array(buffer, start + at, count);
  const lower = new Uint8Array(buffer, start + at + count, count);
  const whole = new Uint16Array(count);
  for (let index = 0; index < count; index += 1) whole[index] = (upper[index] << 8) | lower[index];
  return whole;
}

/** Bytes that a slice takes in memory. */
export const bytesOf = (slice) => slice.samples.byteLength;
