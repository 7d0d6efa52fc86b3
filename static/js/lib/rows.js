// Moving through a list by keyboard.

/** Index of the row to go to, `step` away from `current`; -1 means that no row is current yet. */
export function nextIndex(current, step, count) {
  if (current < 0) return step > 0 ? 0 : count - 1;
  return Math.min(Math.max(current + step, 0), count - 1);
}
