"""How often each image is drawn, so that its sequence does not give its label away, and its source gives away little.

Many sources have only tumors, or none, and so have some of their sequences: with every image drawn once, the sequence
alone gives the label away in seven of ten images. So within each sequence that has both labels, they are drawn equally
often. `guessed` measures how well a property still gives the label away.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ml.training.data.heights import height
from ml.training.data.sources import LESIONS
from ml.training.data.table import Row

Floats = NDArray[np.float64]

MAX_WEIGHT = 4.0
"""Largest frequency of an image as a multiple of the mean; the smallest is its inverse. So a few heads are not repeated
endlessly, and no source is given up to balance another."""

PROPERTIES: dict[str, Callable[[Row], Hashable]] = {
    "source": lambda row: row.source,
    "sequence": lambda row: row.sequence,
    "plane": lambda row: row.plane,
    "sequence and plane": lambda row: (row.sequence, row.plane),
    "height": height,
}
"""Properties that a table tells, for `facts`; `appearance.PROPERTIES` has those that are measured."""

_ROUNDS = 40
_SOURCE = 0.5  # how far the labels of one source and sequence are moved towards equal; all the way starves the others
_LESIONS = 3.0  # how many times as often images of a source in LESIONS come, before the labels are made equal


def weights(rows: Sequence[Row], *, most: float = MAX_WEIGHT) -> Floats:
    """(N,) the probability of drawing each of `rows`; they sum to 1.

    The rows of one source, sequence and label, synthetic ones apart, start with the square root of rows times the
    fourth root of groups, so neither a large source nor one with many slices of few heads dominates; those of LESIONS
    count more. Then the labels of each source, sequence and height in the head are moved half way towards equal, and
    those of each sequence are made equal. A sequence that has one label only keeps it.
    """
    if not rows:
        return np.zeros(0)
    members: dict[Hashable, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        members[row.source, row.sequence, row.label, row.change is not None].append(place)
    drawn = np.zeros(len(rows))
    for places in members.values():
        groups = len({rows[place].group for place in places})
        more = _LESIONS if rows[places[0]].source in LESIONS else 1.0
        drawn[places] = more * np.sqrt(len(places)) * groups**0.25 / len(places)
    tumor = np.array([row.tumor for row in rows])
    sequences = _numbers([row.sequence for row in rows])
    drawn = _halved(_bounded(drawn, most), sequences, tumor)
    equal = _halved(drawn, _numbers([(row.source, row.sequence, height(row)) for row in rows]), tumor)
    drawn = _bounded(drawn ** (1 - _SOURCE) * equal**_SOURCE, most)
    for _ in range(_ROUNDS):  # alternate balance and bounds, until both nearly hold
        drawn = _bounded(_halved(drawn, sequences, tumor), most)
    return drawn


def guessed(rows: Sequence[Row], drawn: Floats, value: Callable[[Row], Hashable]) -> float:
    """How well the label can be guessed from `value` alone: the balanced accuracy, 0.5 to 1, of the best rule.

    drawn: (N,) the rows' probabilities, as `weights` gives them. NaN if one label is never drawn.
    """
    numbers, tumor = _numbers([value(row) for row in rows]), np.array([row.tumor for row in rows], bool)
    shares = []
    for label in (tumor, ~tumor):
        of_label = np.bincount(numbers[label], drawn[label], minlength=len(rows))
        if not of_label.sum():
            return float("nan")
        shares.append(of_label / of_label.sum())
    return float(np.maximum(*shares).sum() / 2)


def facts(
    table: Sequence[Row], drawn: Sequence[Row], properties: Mapping[str, Callable[[Row], Hashable]] = PROPERTIES
) -> dict[str, dict[str, float]]:
    """How well each property gives the label away, in `table` with every row once, and in the rows as `drawn`:
    {"sequence": {"table": 0.7, "drawn": 0.5}, …}, JSON-ready."""
    return {
        name: {"table": round(_evenly(table, value), 3), "drawn": round(_evenly(drawn, value), 3)}
        for name, value in properties.items()
    }


def _evenly(rows: Sequence[Row], value: Callable[[Row], Hashable]) -> float:
    return guessed(rows, np.full(len(rows), 1 / max(len(rows), 1)), value)


def _numbers(values: Sequence[Hashable]) -> NDArray[np.int64]:
    known: dict[Hashable, int] = {}
    return np.array([known.setdefault(value, len(known)) for value in values], np.int64)


def _halved(drawn: Floats, numbers: NDArray[np.int64], tumor: NDArray[np.bool_]) -> Floats:
    """Weights with equal sums for both labels of each number; the total of a number stays."""
    ill = np.bincount(numbers[tumor], drawn[tumor], minlength=len(numbers))
    healthy = np.bincount(numbers[~tumor], drawn[~tumor], minlength=len(numbers))
    both = (ill > 0) & (healthy > 0)
    half = (ill + healthy) / 2
    of_ill, of_healthy = (np.where(both, half / np.where(both, part, 1.0), 1.0) for part in (ill, healthy))
    return np.asarray(drawn * np.where(tumor, of_ill[numbers], of_healthy[numbers]))


def _bounded(drawn: Floats, most: float) -> Floats:
    bounded = np.clip(drawn / drawn.sum() * len(drawn), 1 / most, most)
    return np.asarray(bounded / bounded.sum())
