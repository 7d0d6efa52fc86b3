"""The forecast for a new hospital: each model on the source it was trained without, beside one that saw them all."""

from dataclasses import replace
from typing import Any

import pytest

from ml.training.data.table import Row
from ml.training.evaluation.left_out import LEFT_OUT, REFERENCE, SAME, Judged, Pair, collect, table
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


def judged(rows: list[Row], *, wrong: tuple[int, ...] = ()) -> Judged:
    """A model that is right but for the images of these numbers."""
    return Judged({one.key: 0.9 if one.tumor != (int(one.group[1:]) in wrong) else 0.1 for one in rows}, 0.5)


def collected(rows: list[Row], **pairs: Pair) -> dict[str, Any]:
    return collect(rows, pairs, command="a command", schedule="Quickly.")


NOTHING = Judged({}, 0.5)


def test_each_source_is_judged_by_the_model_without_it(rows: list[Row]) -> None:
    without = judged(rows, wrong=(9, 11))
    found = collected(rows, b=Pair(without, NOTHING), a=Pair(judged(rows[:8]), NOTHING))
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
    assert (found["command"], found["schedule"]) == ("a command", "Quickly.")


def test_each_model_has_its_own_threshold(rows: list[Row]) -> None:
    without, reference = judged(rows), replace(judged(rows), threshold=0.95)
    of_a = collected(rows, a=Pair(without, reference))["sources"]["a"]
    assert [of_a[how]["a"]["sensitivity"]["value"] for how in (SAME, REFERENCE)] == [1.0, 0.0]


def test_the_reference_is_compared_on_images_that_both_judged(rows: list[Row]) -> None:
    validated = [one for one in rows if one.split == "val"]
    found = collected(rows, b=Pair(judged(rows, wrong=(9, 15)), judged(validated, wrong=(8,))))
    of_b = found["sources"]["b"]
    assert [of_b[how]["b"]["n"] for how in (LEFT_OUT, SAME, REFERENCE)] == [8, 4, 4]
    assert [of_b[how]["b"]["sensitivity"]["value"] for how in (LEFT_OUT, SAME, REFERENCE)] == [0.5, 0.5, 1.0]
    assert of_b[REFERENCE]["b"]["specificity"]["value"] == 0.5
    lines = table(found).splitlines()[2:]
    assert [line.split(" | ")[0] for line in lines] == [f"| {name}" for name in ("b", "b/t1", "b/t2") for _ in range(3)]
    assert lines[1].startswith(f"| b | {SAME} | 4 (2 / 2) | 4 | 0.500 ")


def test_with_one_class_only_its_own_rate_is_known(rows: list[Row]) -> None:
    healthy = [one for one in rows if not one.tumor]
    pair = Pair(judged(healthy, wrong=(0,)), NOTHING)
    one = collected(healthy, a=pair)["sources"]["a"][LEFT_OUT]["a"]
    assert (one["sensitivity"]["value"], one["auroc"]["value"], one["specificity"]["value"]) == (None, None, 0.75)
