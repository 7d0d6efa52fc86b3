// Ranges and new rows of a list.

/** The items from `first` to `last`, both included, whichever comes first. */
export function between(items, first, last) {
  const [start, end] = [items.indexOf(first), items.indexOf(last)].sort((a, b) => a - b);
  return start < 0 ? [last] : items.slice(start, end + 1);
}

/** The rows whose ids are not in `seen`; adds them to it. Answers overlap, so that no row is lost. */
export function merge(rows, seen) {
  const unknown = rows.filter((row) => !seen.has(row.dataset.row));
  for (const row of unknown) seen.add(row.dataset.row);
  return unknown;
}
