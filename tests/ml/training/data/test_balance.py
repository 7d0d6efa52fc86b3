"""What is drawn does not give the label away by its sequence, and neither a large source nor a few heads dominate."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.training.data.balance import Floats, facts, guessed, weights
from ml.training.data.heights import height
from ml.training.data.table import Change, Row
from tests.ml.training.simulated import row

Strata = dict[tuple[str, str, str], int]
"""How many images of a source, sequence and label, each in a group of its own."""


def rows(strata: Strata, *, groups: int | None = None) -> list[Row]:
    found: list[Row] = []
    for (source, sequence, label), size in strata.items():
        for n in range(size):
            group = f"{source} {sequence} {label} {n if groups is None else n % groups}"
            found.append(row(len(found), source=source, sequence=sequence, label=label, group=group))
    return found


def fraction(table: list[Row], drawn: Floats, **values: str) -> float:
    return float(
        sum(p for one, p in zip(table, drawn, strict=True) if all(getattr(one, k) == v for k, v in values.items()))
    )


def test_a_sequence_does_not_give_the_label_away() -> None:
    table = rows(
        {("a", "t1c", "tumor"): 60, ("b", "t1c", "no_tumor"): 20, ("c", "t1", "no_tumor"): 50, ("d", "t1", "tumor"): 30}
    )
    drawn = weights(table)
    even = np.full(len(table), 1 / len(table))
    assert guessed(table, even, lambda one: one.sequence) > 0.65
    assert guessed(table, drawn, lambda one: one.sequence) == pytest.approx(0.5, abs=0.01)
    assert guessed(table, drawn, lambda one: one.source) == pytest.approx(1)


def test_a_sequence_of_one_label_stays_as_it_is() -> None:
    table = rows({("a", "flair", "tumor"): 10, ("a", "t1", "tumor"): 10, ("a", "t1", "no_tumor"): 10})
    assert fraction(table, weights(table), sequence="flair") == pytest.approx(1 / 3)


def test_a_source_with_both_labels_gives_little_away_beside_one_with_tumors_only() -> None:
    """All healthy heads of the sequence are in `both`, so it would have mostly these if its tumors did not gain."""
    table = rows({("both", "t1c", "tumor"): 200, ("both", "t1c", "no_tumor"): 200, ("only", "t1c", "tumor"): 600})
    drawn = weights(table)
    tumors = fraction(table, drawn, source="both", label="tumor")
    assert fraction(table, drawn, label="tumor") == pytest.approx(0.5, abs=0.01)
    assert tumors > 1.3 * 0.5 * 200 / 800
    assert fraction(table, drawn, source="only") > tumors


def test_a_large_source_does_not_rule() -> None:
    table = rows({("large", "", "tumor"): 1600, ("small", "", "tumor"): 100, ("small", "", "no_tumor"): 400})
    drawn = weights(table)
    assert fraction(table, drawn, source="large") < 0.45
    assert fraction(table, drawn, label="tumor") == pytest.approx(0.5, abs=0.02)


def test_heads_with_other_lesions_come_more_often() -> None:
    """Three times as often as heads of another source of the same size, as far as the bounds let them."""
    strata = {(source, "t2", "no_tumor"): 40 for source in ("open-ms", "ixi")}
    table = rows({**strata, ("cheng", "t2", "tumor"): 80})
    drawn = weights(table)
    assert fraction(table, drawn, source="open-ms") == pytest.approx(3 * fraction(table, drawn, source="ixi"), rel=0.05)
    assert fraction(table, drawn, label="tumor") == pytest.approx(0.5, abs=0.01)


def test_slices_without_tumor_come_more_often_where_tumors_are(tmp_path: Path) -> None:
    """Tumors are in the middle of the head and most slices without one are not, so the height would tell."""
    found = []
    for n in range(60):
        file = tmp_path / f"p{n // 20}" / f"{n % 20:03d}.png"
        file.parent.mkdir(exist_ok=True)
        file.touch()
        label = "tumor" if 8 <= n % 20 < 12 and n % 7 else "no_tumor"
        found.append(row(n, path=file, plane="axial", source="a", sequence="t1", label=label))
    drawn, even = weights(found), np.full(60, 1 / 60)
    assert guessed(found, drawn, height) < guessed(found, even, height)
    middle = [n for n, one in enumerate(found) if not one.tumor and 8 <= n % 20 < 12]
    lowest = [n for n in range(60) if n % 20 < 4]
    assert len(middle) == 2
    assert drawn[middle].min() > 3 * drawn[lowest].max()


def test_many_slices_of_few_heads_weigh_less() -> None:
    many = rows({("many", "", "no_tumor"): 100})
    few = rows({("few", "", "no_tumor"): 100}, groups=2)
    table = [*many, *few, *rows({("other", "", "tumor"): 100})]
    drawn = weights(table)
    assert fraction(table, drawn, source="few") < 0.5 * fraction(table, drawn, source="many")


def test_synthetic_images_are_a_source_of_their_own() -> None:
    real = rows({("a", "t1", "tumor"): 100, ("b", "t1", "no_tumor"): 100})
    made = [replace(one, key=f"{one.key}, healed", change=Change(one)) for one in real[:50]]
    drawn = weights(real + made)
    own = 50**0.75 / (100**0.75 + 50**0.75)
    assert drawn[200:].sum() == pytest.approx(own / 2, abs=0.01)


@given(
    st.dictionaries(
        st.tuples(st.sampled_from("abc"), st.sampled_from(("", "t1")), st.sampled_from(("tumor", "no_tumor"))),
        st.integers(1, 30),
        min_size=1,
    )
)
def test_weights_are_probabilities_within_their_bounds(strata: Strata) -> None:
    drawn = weights(rows(strata), most=4.0)
    assert drawn.sum() == pytest.approx(1)
    assert drawn.min() > 0
    assert drawn.max() / drawn.min() <= 16 * (1 + 1e-9)


def test_what_is_told_of_a_draw() -> None:
    table = rows({("a", "t1c", "tumor"): 30, ("b", "t1c", "no_tumor"): 10, ("b", "t1", "no_tumor"): 30})
    table += rows({("a", "t1", "tumor"): 10})
    told = facts(table, table[20:40] + table[40:50] + table[-10:])
    assert told["sequence"] == {"table": 0.75, "drawn": 0.5}
    assert told["source"] == {"table": 1.0, "drawn": 1.0}
    assert told["plane"] == {"table": 0.5, "drawn": 0.5}


def test_nothing_to_draw() -> None:
    assert weights([]).shape == (0,)


def test_a_label_that_is_never_drawn_cannot_be_guessed() -> None:
    table = rows({("a", "", "tumor"): 3})
    assert np.isnan(guessed(table, weights(table), lambda one: one.source))
