"""The forecast for a new hospital: each model on the source it was trained without, beside one that saw them all."""

from typing import Any

import pytest

from ml.contracts import BrainscanError
from ml.training.data.table import Row
from ml.training.evaluation.left_out import LEFT_OUT, REFERENCE, SAME, collect, table
from tests.ml.training.simulated import row


@pytest.fixture
def rows() -> list[Row]:
    """Two sources of eight images each, every other one with a tumor, half of them trained on."""
    return [
        row(
            number,
            source="ab"[number // 8],
            sequence=("t1", "t2")[number // 2 % 2],
            label="tumor" if number % 2 else "no_tumor",
            split="val" if number % 8 < 4 else "train",
        )
        for number in range(16)
    ]


def said(rows: list[Row], *, without: str | None, wrong: tuple[int, ...] = ()) -> dict[str, Any]:
    """Results of a model that is right but for the images of these numbers."""
    probabilities = {one.key: 0.9 if one.tumor != (int(one.group[1:]) in wrong) else 0.1 for one in rows}
    return {"model": "m@1", "threshold": 0.5, "without": without, "probabilities": probabilities}


def test_each_source_is_judged_by_the_model_without_it(rows: list[Row]) -> None:
    found = collect(rows, [said(rows, without="b", wrong=(9, 11)), said(rows[:8], without="a")], schedule="Quickly.")
    assert list(found["sources"]) == ["a", "b"]
    assert list(found["sources"]["b"]) == [LEFT_OUT]
    of_b = found["sources"]["b"][LEFT_OUT]
    assert list(of_b) == ["b", "b/t1", "b/t2"]
    assert (of_b["b"]["n"], of_b["b"]["tumor"], of_b["b"]["groups"]) == (8, 4, 8)
    assert (of_b["b"]["sensitivity"]["value"], of_b["b"]["specificity"]["value"]) == (0.5, 1.0)
    assert of_b["b"]["auroc"]["value"] == 0.75
    low, high = of_b["b"]["sensitivity"]["interval"]
    assert low < 0.5 < high
    assert found["sources"]["a"][LEFT_OUT]["a"]["sensitivity"]["value"] == 1.0
    assert found["schedule"] == "Quickly."


def test_the_reference_is_compared_on_images_that_neither_learned_from(rows: list[Row]) -> None:
    found = collect(rows, [said(rows, without="b", wrong=(9, 15))], reference=said(rows, without=None, wrong=(8,)))
    of_b = found["sources"]["b"]
    assert [of_b[how]["b"]["n"] for how in (LEFT_OUT, SAME, REFERENCE)] == [8, 4, 4]
    assert [of_b[how]["b"]["sensitivity"]["value"] for how in (LEFT_OUT, SAME, REFERENCE)] == [0.5, 0.5, 1.0]
    assert of_b[REFERENCE]["b"]["specificity"]["value"] == 0.5
    lines = table(found).splitlines()[2:]
    assert [line.split(" | ")[0] for line in lines] == [f"| {name}" for name in ("b", "b/t1", "b/t2") for _ in range(3)]
    assert lines[1].startswith(f"| b | {SAME} | 4 (2 / 2) | 4 | 0.500 ")


def test_a_reference_that_judged_nothing_of_the_source_adds_no_line(rows: list[Row]) -> None:
    found = collect(rows, [said(rows, without="b")], reference=said(rows[:8], without=None))
    assert list(found["sources"]["b"]) == [LEFT_OUT]


def test_with_one_class_only_its_own_rate_is_known(rows: list[Row]) -> None:
    healthy = [one for one in rows if not one.tumor]
    one = collect(healthy, [said(healthy, without="a", wrong=(0,))])["sources"]["a"][LEFT_OUT]["a"]
    assert (one["sensitivity"]["value"], one["auroc"]["value"], one["specificity"]["value"]) == (None, None, 0.75)


@pytest.mark.parametrize("without", [None, "", "c"])
def test_a_model_trained_on_every_source_is_refused(rows: list[Row], without: str | None) -> None:
    with pytest.raises(BrainscanError, match="m@1 has no figures on a source left out"):
        collect(rows, [said(rows, without=without)])


def test_a_source_is_left_out_by_one_model(rows: list[Row]) -> None:
    with pytest.raises(BrainscanError, match="Two models were trained without 'a'"):
        collect(rows, [said(rows, without="a")] * 2)


def test_a_reference_has_learned_from_every_source(rows: list[Row]) -> None:
    with pytest.raises(BrainscanError, match="The reference was trained without 'a'"):
        collect(rows, [said(rows, without="b")], reference=said(rows, without="a"))
