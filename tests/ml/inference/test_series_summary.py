"""Slices together: no loud slice decides alone, no part of the neck refuses a head, and one number always comes out."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.inference.series_pooling import SliceOutcome
from ml.inference.series_summary import MAX_TOP, MIN_ACCEPTED, MIN_CERTAIN, summarize
from ml.model.series_calibration import NeighborPooling, SeriesCalibration

PLAIN = SeriesCalibration(NeighborPooling(2.0, 0.0), slope=1.0, intercept=0.0, threshold=0.5, uncertain=(0.4, 0.6))
QUIET = [0.02] * MIN_CERTAIN
GLIOMA = {"glioma": 0.8, "meningioma": 0.1, "pituitary": 0.1}
PITUITARY = {"glioma": 0.1, "meningioma": 0.1, "pituitary": 0.8}


def seen(*probabilities: float | None, types: dict[str, float] = GLIOMA) -> list[SliceOutcome]:
    """Slices with these probabilities; None: refused as no brain."""
    refused = SliceOutcome(False, reason="not_brain", message="It shows no brain.")
    return [refused if p is None else SliceOutcome(True, p, types) for p in probabilities]


def test_calibration_and_band_decide_probability_and_certainty() -> None:
    sure = summarize(PLAIN, seen(*[0.9] * MIN_CERTAIN), threshold=0.5)
    assert (sure.outcome, sure.uncertain) == ("tumor", False)
    assert sure.tumor_probability == pytest.approx(0.9)
    shifted = SeriesCalibration(NeighborPooling(2.0, 0.0), 2.0, -4.0, 0.5, (0.4, 0.6))
    found = summarize(shifted, seen(*[0.9] * MIN_CERTAIN), threshold=0.5)
    assert found.tumor_probability == pytest.approx(1 / (1 + math.exp(4 - 2 * math.log(9))))
    assert found.uncertain
    assert found.outcome == "tumor"


def test_the_most_telling_slices_and_the_run_around_the_first() -> None:
    found = summarize(PLAIN, seen(0.6, 0.1, 0.7, 0.95, 0.8, 0.2, 0.3, 0.1), threshold=0.5)
    assert found.top == (3, 4, 2, 0, 6)
    assert len(found.top) == MAX_TOP
    assert found.extent == (2, 4)
    assert summarize(PLAIN, seen(0.4, 0.1), threshold=0.5).extent is None


def test_the_type_is_that_of_the_slices_which_speak_for_a_tumor() -> None:
    slices = [*seen(0.9, types=PITUITARY), *seen(0.1, 0.1, types=GLIOMA)]
    types = summarize(PLAIN, slices, threshold=0.5).type_probabilities
    assert types is not None
    assert types["pituitary"] == pytest.approx((0.9 * 0.8 + 0.2 * 0.1) / 1.1)
    assert sum(types.values()) == pytest.approx(1)


def test_refused_slices_at_both_ends_do_no_harm() -> None:
    within = (*QUIET, 0.9)
    bare, ends = (summarize(PLAIN, seen(*p), threshold=0.5) for p in (within, (None, None, *within, None)))
    assert ends.tumor_probability == bare.tumor_probability
    assert ends.accepted == len(within)
    assert ends.top[0] == 2 + len(QUIET)


def test_too_few_judged_slices_refuse_the_series_and_say_the_commonest_reason() -> None:
    slices = [*seen(*[None] * 9, 0.99), SliceOutcome(False, reason="blank", message="It is blank.")]
    found = summarize(PLAIN, slices, threshold=0.5)
    assert found.outcome == "refused"
    assert found.tumor_probability is None
    assert found.top == ()
    assert not found.gate.accepted
    assert found.gate.reason == "not_brain"
    assert found.gate.threshold == MIN_ACCEPTED
    assert "1 of 11" in (found.gate.message or "")
    assert "It shows no brain." in (found.gate.message or "")
    assert summarize(PLAIN, [], threshold=0.5).gate.reason == "no_slices"


@pytest.mark.parametrize("probability", [0.999, 0.001])
@pytest.mark.parametrize("count", [1, 3, MIN_CERTAIN - 1])
def test_a_few_slices_are_never_certain_and_it_says_why(count: int, probability: float) -> None:
    found = summarize(PLAIN, seen(*[probability] * count, *[None] * count), threshold=0.5)
    assert found.uncertain
    assert found.tumor_probability == (0.6 if probability > 0.5 else 0.4)
    assert found.gate.accepted and found.gate.reason is None
    assert f"Only {count} slice" in (found.gate.message or "")
    assert f"At least {MIN_CERTAIN}" in (found.gate.message or "")


def test_enough_slices_are_certain_and_nothing_is_said() -> None:
    found = summarize(PLAIN, seen(*[0.999] * MIN_CERTAIN), threshold=0.5)
    assert (found.outcome, found.uncertain, found.gate.message) == ("tumor", False, None)


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), min_size=1, max_size=40), st.floats(0, 1))
def test_whatever_the_slices_say_the_series_has_a_probability_or_a_reason(
    probabilities: list[float | None], neighbors: float
) -> None:
    calibration = SeriesCalibration(NeighborPooling(2.0, neighbors), 1.0, 0.0, 0.5, (0.4, 0.6))
    found = summarize(calibration, seen(*probabilities), threshold=0.3)
    if found.outcome == "refused":
        assert found.gate.message
        return
    assert found.tumor_probability is not None
    assert 0 < found.tumor_probability < 1
    assert (found.outcome == "tumor") == (found.tumor_probability >= 0.5)
    assert found.uncertain or found.accepted >= MIN_CERTAIN
    assert all(probabilities[index] is not None for index in found.top)
    if found.extent:
        assert found.extent[0] <= found.top[0] <= found.extent[1]
