"""How well properties other than the tumor give the label away: shortcuts that a network could learn.

Many sources have only tumors, or none, and so have some of their sequences. A network that learns the source scores
well on such a table and fails in the next hospital.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence

import numpy as np

from ml.training.data.heights import height
from ml.training.data.table import Row

PROPERTIES: dict[str, Callable[[Row], Hashable]] = {
    "source": lambda row: row.source,
    "sequence": lambda row: row.sequence,
    "plane": lambda row: row.plane,
    "sequence and plane": lambda row: (row.sequence, row.plane),
    "height": height,
}
"""Properties that a table tells, for `facts`; `appearance.PROPERTIES` has those that are measured."""


def facts(
    table: Sequence[Row], drawn: Sequence[Row], properties: Mapping[str, Callable[[Row], Hashable]] = PROPERTIES
) -> dict[str, dict[str, float]]:
    """How well each property gives the label away, in `table` and in the rows as `drawn`:
    {"sequence": {"table": 0.7, "drawn": 0.7}, …}, JSON-ready."""
    return {
        name: {"table": round(guessed(table, value), 3), "drawn": round(guessed(drawn, value), 3)}
        for name, value in properties.items()
    }


def guessed(rows: Sequence[Row], value: Callable[[Row], Hashable]) -> float:
    """How well the label can be guessed from `value` alone: the balanced accuracy, 0.5 to 1, of the best rule.

    NaN if one of the labels is missing.
    """
    numbers: dict[Hashable, int] = {}
    found = np.array([numbers.setdefault(value(row), len(numbers)) for row in rows], np.int64)
    tumor = np.array([row.tumor for row in rows], bool)
    if tumor.all() or not tumor.any():
        return float("nan")
    fractions = [np.bincount(found[label], minlength=len(numbers)) / label.sum() for label in (tumor, ~tumor)]
    return float(np.maximum(*fractions).sum() / 2)
