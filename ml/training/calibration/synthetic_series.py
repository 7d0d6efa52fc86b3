"""Synthetic series with and without a tumor, from the slices of a table's patients.

A patient's slices of one sequence serve if some show the tumor and some do not. All of them make a series with a tumor;
those without it make one without. Every such patient has a tumor, so the second kind is a head without the tumor's
slices. Tissue beside a tumor is often changed too, and a small tumor may reach into it, which makes the figures
pessimistic rather than flattering.

In a table, half of the slices may show the tumor, because they were selected; in a hospital's series it may be a tenth,
and the series is longer. A fit to the former alone misses small tumors. So there are further series: two neighboring
tumor slices among those without, and both kinds with the tumor-free slices of two more patients on top. No head looks
like that, but a rule that sees only the slices' probabilities takes it for a long series.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from ml.training.data.table import Row, split_rows

FEWEST_SLICES = 3
"""With a tumor, and without, for a patient and sequence to serve."""

SMALL = 2
"""Slices that show a small tumor."""

MORE = 2
"""Patients whose tumor-free slices make a series long."""

WHOLE, SMALL_TUMOR, LONG = "whole", "small tumor", "small tumor, long series"
VARIANTS = (WHOLE, SMALL_TUMOR, LONG)

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Series:
    """Rows in slice order, and whether one shows a tumor. subject: the patient it counts for.

    variants: those of VARIANTS it belongs to; a series without a tumor may serve two. weight: in a fit, where every
    patient counts the same, and so does each variant of a patient.
    """

    subject: str
    sequence: str
    tumor: bool
    rows: tuple[Row, ...]
    variants: tuple[str, ...]
    weight: float


def synthesize_split(rows: Sequence[Row], *, split: str) -> list[Series]:
    """The series of a split; none with fewer than two patients. Raises TableError if files are missing."""
    return synthesize(split_rows(list(rows), split))


def synthesize(rows: Sequence[Row]) -> list[Series]:
    """The series that can be made of rows; none with fewer than two patients."""
    healthy, ill = _parts(rows)
    sequences: dict[str, int] = defaultdict(int)
    for subject, _ in healthy:
        sequences[subject] += 1
    if len(sequences) < 2:
        return []
    found = []
    for pair in healthy:
        pair_weight = (
            len(healthy) / len(sequences) / sequences[pair[0]]
        )  # of both classes, of this patient and sequence
        free, more = healthy[pair], _more(pair, healthy)
        windows = [ill[pair][start : start + SMALL] for start in range(len(ill[pair]) - SMALL + 1)]
        found += [
            Series(*pair, False, tuple(free), (WHOLE, SMALL_TUMOR), pair_weight / 2),
            Series(*pair, False, (*free, *more), (LONG,), pair_weight / 2),
            Series(*pair, True, _ordered([*free, *ill[pair]]), (WHOLE,), pair_weight / 3),
        ]
        for window in windows:
            small = _ordered([*free, *window])
            found.append(Series(*pair, True, small, (SMALL_TUMOR,), pair_weight / 3 / len(windows)))
            found.append(Series(*pair, True, (*small, *more), (LONG,), pair_weight / 3 / len(windows)))
    return found


def _parts(rows: Sequence[Row]) -> tuple[dict[Pair, list[Row]], dict[Pair, list[Row]]]:
    """The ordered slices without and with a tumor of each patient and sequence with enough of both."""
    together: dict[Pair, list[Row]] = defaultdict(list)
    for row in rows:
        if row.subject and row.sequence:
            together[row.subject, row.sequence].append(row)
    healthy, ill = {}, {}
    for pair, members in sorted(together.items()):
        free, seen = (list(_ordered([row for row in members if row.tumor == tumor])) for tumor in (False, True))
        if min(len(free), len(seen)) >= FEWEST_SLICES:
            healthy[pair], ill[pair] = free, seen
    return healthy, ill


def _more(pair: Pair, healthy: dict[Pair, list[Row]]) -> list[Row]:
    """The tumor-free slices of the next MORE patients with this sequence, in a ring."""
    ring = [other for other in healthy if other[1] == pair[1]]
    at = ring.index(pair)
    return [row for other in (ring[at + 1 :] + ring[:at])[:MORE] for row in healthy[other]]


def _ordered(rows: Sequence[Row]) -> tuple[Row, ...]:
    return tuple(sorted(rows, key=_number))


def _number(row: Row) -> tuple[int, ...]:
    """The slice number: the last number in the file name that is not part of a word."""
    return tuple(int(number) for number in re.findall(r"(?<![A-Za-z0-9])\d+(?![A-Za-z0-9])", row.path.stem)[-1:])
