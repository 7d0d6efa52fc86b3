"""A source that is held out is judged whole, and nothing of it is learned from."""

from dataclasses import replace

import pytest

from ml.training.data.held_out import hold_out, other_series
from ml.training.data.table import NOT_BRAIN, TableError
from tests.ml.training.simulated import row
from tests.ml.training.whole_series import series


def test_it_becomes_the_test_split() -> None:
    splits = ("train", "val", "test")
    rows = [row(n, source="ab"[n // 3], split=splits[n % 3]) for n in range(6)]
    held = hold_out(rows, "b")
    assert [(one.source, one.split) for one in held] == [("a", "train"), ("a", "val"), *[("b", "test")] * 3]
    assert [one.key for one in held] == [one.key for one in rows if (one.source, one.split) != ("a", "test")]


def test_images_of_its_patients_and_groups_in_other_sources_go() -> None:
    """A collection on the web may hold copies of another's images."""
    named = [("g1", "p1"), ("g1", "p2"), ("g2", "p1"), ("g3", ""), ("g4", "")]
    rows = [
        replace(row(n, source="b" if n else "a"), group=group, subject=subject)
        for n, (group, subject) in enumerate(named)
    ]
    rows.append(replace(rows[1], key="gate", source="others", label=NOT_BRAIN, type=""))
    assert [one.key for one in hold_out(rows, "a")] == [rows[n].key for n in (0, 3, 4, 5)]
    assert len(hold_out([rows[3], rows[4]], "b")) == 2  # no subject is nobody's


def test_several_sources_become_it_together() -> None:
    rows = [row(n, source="abc"[n // 2], split=("train", "test")[n % 2]) for n in range(6)]
    held = hold_out(rows, "a", "c")
    assert [(one.source, one.split) for one in held] == [*[("a", "test")] * 2, ("b", "train"), *[("c", "test")] * 2]


def test_images_for_the_gate_stay_where_they_are() -> None:
    gate = [row(n, source="others", label=NOT_BRAIN, type="", split=split) for n, split in enumerate(("train", "test"))]
    assert hold_out([*gate, row(2, source="a")], "a")[:2] == gate


@pytest.mark.parametrize("source", ["others", "c"])
def test_a_source_without_brains_is_named(source: str) -> None:
    rows = [row(0, source="a"), row(1, source="b"), row(2, source="others", label=NOT_BRAIN, type="")]
    with pytest.raises(TableError, match=f"no brain image is of '{source}'; there are a, b."):
        hold_out(rows, source)


def test_its_series_are_not_fitted_to() -> None:
    mine, theirs = series("p1", tumor=True, source="a"), series("p2", tumor=False, source="b")
    assert other_series([mine, theirs], "a") == [theirs]
    assert other_series([mine, theirs], "") == [mine, theirs]
