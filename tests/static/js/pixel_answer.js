/** An answer as the site packs it: `count` slices of 2 × 2 samples, each 16 bits. */
export function answer(first, count) {
  const slices = Array.from({ length: count }, (_, at) => ({ rows: 2, columns: 2, bits: 16, at: 8 * at }));
  const text = JSON.stringify({ first, slices });
  const header = text + " ".repeat((8 - ((4 + text.length) % 8)) % 8);
  const bytes = new Uint8Array(4 + header.length + 8 * count);
  new DataView(bytes.buffer).setUint32(0, header.length, true);
  bytes.set(new TextEncoder().encode(header), 4);
  for (let at = 0; at < count; at += 1) {
    const from = 4 + header.length + 8 * at;
    bytes.set([1, 0, 2, 0], from); // upper bytes
    bytes.set([first + at, 7, 0, 255], from + 4); // lower bytes
  }
  return bytes.buffer;
}
