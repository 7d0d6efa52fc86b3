"""Calibration as it serves: monotone, in range, exact through the manifest, and picky about its numbers."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.model.calibration import Calibration

LOGITS = st.lists(st.floats(-300, 300), min_size=1, max_size=40)
FITTED = Calibration(slope=0.7, intercept=-1.2, type_temperature=1.8, uncertain=(0.3, 0.7), lapses=(0.02, 0.01))


def test_a_line_a_sigmoid_and_lapses() -> None:
    logits = np.array([-2.0, 0.0, 3.0])
    expected = [1 / (1 + math.exp(-(0.7 * x - 1.2))) for x in logits]
    assert FITTED.cells(logits) == pytest.approx(expected, rel=1e-6)
    assert FITTED.probability(logits) == pytest.approx([0.02 + 0.97 * p for p in expected], rel=1e-6)
    assert Calibration().probability(np.zeros((2, 14, 14))).shape == (2, 14, 14)


@given(LOGITS)
def test_probabilities_keep_the_order_and_the_range(logits: list[float]) -> None:
    given_ = np.sort(np.array(logits))
    probabilities = FITTED.probability(given_)
    assert np.all((probabilities >= np.float32(0.02)) & (probabilities <= np.float32(0.99)))
    assert np.all(np.diff(probabilities) >= 0)


@given(st.lists(st.tuples(*[st.floats(-200, 200)] * 3), min_size=1, max_size=10))
def test_types_sum_to_one_and_keep_the_winner(rows: list[tuple[float, float, float]]) -> None:
    logits = np.array(rows)
    types = FITTED.types(logits)
    assert types.sum(axis=1) == pytest.approx(np.ones(len(rows)), abs=1e-5)
    chosen = np.take_along_axis(types, logits.argmax(axis=1)[:, None], axis=1)[:, 0]
    assert np.all(chosen >= types.max(axis=1))


def test_a_temperature_above_one_is_less_sure() -> None:
    logits = np.array([3.0, 0.0, 0.0])
    assert Calibration(type_temperature=2.0).types(logits).max() < Calibration().types(logits).max()


def test_through_the_manifest_and_back() -> None:
    entry = {**json.loads(json.dumps(FITTED.as_dict())), "fitted_on": "validation"}
    assert Calibration.from_manifest(entry) == FITTED


def test_the_band_holds_its_ends_and_an_empty_one_holds_nothing() -> None:
    assert [FITTED.is_uncertain(p) for p in (0.29, 0.3, 0.5, 0.7, 0.71)] == [False, True, True, True, False]
    assert not Calibration().is_uncertain(0.5)


@pytest.mark.parametrize(
    "wrong",
    [
        {"slope": 0.0},
        {"slope": -1.0},
        {"slope": math.inf},
        {"intercept": math.nan},
        {"type_temperature": 0.0},
        {"uncertain": (0.7, 0.3)},
        {"uncertain": (-0.1, 0.3)},
        {"uncertain": (0.1, 1.3)},
        {"uncertain": (math.nan, 0.3)},
        {"lapses": (-0.01, 0.0)},
        {"lapses": (0.6, 0.4)},
        {"lapses": (math.nan, 0.0)},
    ],
)
def test_numbers_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"calibration|uncertain band"):
        Calibration(**wrong)  # type: ignore[arg-type]
    entry = FITTED.as_dict() | wrong
    with pytest.raises(ValueError, match=r"calibration|uncertain band"):
        Calibration.from_manifest(entry)


def test_another_method_and_absent_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="isotonic"):
        Calibration.from_manifest(FITTED.as_dict() | {"method": "isotonic"})
    with pytest.raises(KeyError):
        Calibration.from_manifest({"method": "platt_lapses"})
