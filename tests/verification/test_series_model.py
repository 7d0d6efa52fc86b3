"""The shipped model on parts of real heads: a result or a refusal, never a tumor for certain where there is none."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from ml import load_model
from ml.inference.analysis import analyze_each
from ml.inference.registry import Model
from ml.inference.series import slice_outcome
from ml.inference.series_pooling import SliceOutcome
from ml.inference.series_summary import MIN_CERTAIN, SeriesSummary, summarize
from ml.training.data.series_table import WholeSeries, read_series

pytestmark = pytest.mark.filterwarnings("ignore")

EDGE = MIN_CERTAIN + 4  # slices of neck or vertex, of which the gate may refuse a few


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model()


@pytest.fixture(scope="module")
def whole(real_data: Path) -> list[WholeSeries]:
    """Series that nothing was trained on."""
    if not (real_data / "series.csv").is_file():
        pytest.skip("needs whole series: series.csv is not there")
    return [one for one in read_series(real_data) if one.split != "train"]


@pytest.fixture(scope="module")
def healthy(whole: list[WholeSeries]) -> list[WholeSeries]:
    return [one for one in whole if not one.tumor]


def judged(model: Model, slices: list[Path]) -> SeriesSummary:
    return summed(model, seen(model, slices))


def seen(model: Model, slices: Sequence[Path]) -> list[SliceOutcome]:
    return [slice_outcome(one) for one in analyze_each(model, slices, batch=8)]


def summed(model: Model, outcomes: list[SliceOutcome]) -> SeriesSummary:
    assert model.series is not None
    return summarize(model.series, outcomes, threshold=model.manifest.threshold)


def parts(series: WholeSeries) -> Iterator[tuple[str, list[Path]]]:
    slices, middle = list(series.slices), len(series.slices) // 2
    yield "neck", slices[:EDGE]
    yield "vertex", slices[-EDGE:]
    yield "three slices", slices[middle : middle + 3]


def test_a_part_of_a_healthy_head_is_no_certain_tumor(model: Model, healthy: list[WholeSeries]) -> None:
    for series in [one for one in healthy if one.plane == "axial"][:2]:
        for name, slices in parts(series):
            found = judged(model, slices)
            assert found.outcome != "tumor" or found.uncertain, (series.key, name, found.tumor_probability)
            if found.accepted < MIN_CERTAIN:
                assert found.uncertain or found.outcome == "refused", (series.key, name)
                assert found.gate.message, (series.key, name)


def test_planes_that_are_mixed_up_are_no_certain_tumor(model: Model, healthy: list[WholeSeries]) -> None:
    """One head in three planes, which a reader of files would keep apart, slice by slice in turn."""
    planes = {one.plane: one for one in healthy if one.source == "ixi"}
    assert len(planes) == 3
    places = np.linspace(0.1, 0.9, MIN_CERTAIN)
    mixed = [one.slices[int(place * (len(one.slices) - 1))] for place in places for one in planes.values()]
    found = judged(model, mixed)
    assert found.outcome != "tumor" or found.uncertain


@pytest.mark.parametrize("tumor", [False, True], ids=["healthy", "tumor"])
def test_thick_slices_are_called_as_thin_ones_are(model: Model, whole: list[WholeSeries], tumor: bool) -> None:
    """Every second, third and fifth slice of the head with the most slices."""
    axial = [one for one in whole if one.plane == "axial" and one.tumor == tumor]
    series = max(axial, key=lambda one: len(one.slices))
    outcomes = seen(model, series.slices)
    answer = summed(model, outcomes).outcome
    assert answer == ("tumor" if tumor else "no_tumor"), series.key
    for step, start in [(n, first) for n in (2, 3, 5) for first in range(n)]:
        thick = outcomes[start::step]
        assert len(thick) >= MIN_CERTAIN
        found = summed(model, thick)
        assert found.outcome == answer or found.uncertain, (series.key, step, start)
