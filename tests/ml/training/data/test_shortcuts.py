"""How well a property gives the label away."""

import numpy as np

from ml.training.data.shortcuts import facts, guessed
from ml.training.data.table import Row
from tests.ml.training.simulated import row


def rows(strata: dict[tuple[str, str, str], int]) -> list[Row]:
    """So many images of each source, sequence and label."""
    found: list[Row] = []
    for (source, sequence, label), size in strata.items():
        found += [row(len(found) + n, source=source, sequence=sequence, label=label) for n in range(size)]
    return found


def test_facts_compare_the_table_with_the_draw() -> None:
    table = rows({("a", "t1c", "tumor"): 30, ("b", "t1c", "no_tumor"): 10, ("b", "t1", "no_tumor"): 30})
    table += rows({("a", "t1", "tumor"): 10})
    told = facts(table, table[20:40] + table[40:50] + table[-10:])
    assert told["sequence"] == {"table": 0.75, "drawn": 0.5}
    assert told["source"] == {"table": 1.0, "drawn": 1.0}
    assert told["plane"] == {"table": 0.5, "drawn": 0.5}


def test_how_many_images_have_a_label_does_not_matter() -> None:
    table = rows({("a", "t1", "tumor"): 8, ("a", "t2", "tumor"): 2, ("a", "t1", "no_tumor"): 1})
    table += rows({("a", "t2", "no_tumor"): 4})
    assert guessed(table, lambda one: one.sequence) == 0.8


def test_a_label_that_is_missing_cannot_be_guessed() -> None:
    assert np.isnan(guessed(rows({("a", "", "tumor"): 3}), lambda one: one.source))
    assert np.isnan(guessed([], lambda one: one.source))
