"""The operating point keeps what it states; the uncertain band is where answers go wrong, and not everything."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.training import metrics
from ml.training.calibration import calibrate, operating_point
from ml.training.data.dataset import tumor_targets
from tests.ml.training.simulated import population

pytestmark = pytest.mark.slow


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.sampled_from(operating_point.ALTERNATIVES))
def test_the_target_is_kept(seed: int, target: float) -> None:
    rows, logits = population(120, seed=seed)
    truth = tumor_targets(rows)
    weights = calibrate.source_weights(rows)
    probabilities = 1 / (1 + np.exp(-logits))
    draws = calibrate.group_draws(rows, seed=0, times=20)
    point = operating_point.choose(probabilities, truth, weights, draws, sensitivity=target)
    found, _ = operating_point.rates(np.array([point.threshold]), probabilities, truth, weights)
    assert found[0] >= target
    assert 0 <= point.threshold <= 1


def test_a_good_model_is_cut_where_its_errors_balance() -> None:
    """With honest probabilities and even classes, no cut is better than one half; the target does not bind here."""
    rows, logits = population(4000, spread=8)
    truth, weights = tumor_targets(rows), np.ones(4000)
    probabilities = 1 / (1 + np.exp(-logits))
    draws = calibrate.group_draws(rows, seed=0, times=50)
    point = operating_point.choose(probabilities, truth, weights, draws, sensitivity=0.8)
    assert point.threshold == pytest.approx(0.5, abs=0.15)


def test_a_higher_target_lowers_the_threshold_and_costs_specificity() -> None:
    rows, logits = population(1000)
    fit = calibrate.calibrate(rows, logits, np.zeros((1000, 3)))
    costs = fit.facts["alternatives"]
    assert [c["sensitivity_target"] for c in costs] == list(operating_point.ALTERNATIVES)
    for easy, hard in pairwise(costs):
        assert hard["threshold"] <= easy["threshold"]
        assert hard["specificity"] <= easy["specificity"]
    assert all(c["sensitivity"] >= c["sensitivity_target"] for c in costs)


def test_facts_are_those_of_the_threshold() -> None:
    rows, logits = population(500, seed=5)
    fit = calibrate.calibrate(rows, logits, np.zeros((500, 3)))
    called = (fit.calibration.probability(logits) >= fit.threshold).astype(np.int64)
    validation = fit.facts["validation"]
    assert validation["sensitivity"] == metrics.sensitivity(tumor_targets(rows), called)
    assert validation["specificity"] == metrics.specificity(tumor_targets(rows), called)
    assert validation["weighted_sensitivity"] >= fit.facts["sensitivity_target"] == operating_point.SENSITIVITY


def test_uncertain_answers_are_wrong_more_often() -> None:
    rows, logits = population(2000, spread=10, seed=2)
    fit = calibrate.calibrate(rows, logits, np.zeros((2000, 3)))
    unsure = fit.facts["uncertain"]
    assert 0 < unsure["share"] <= operating_point.MAX_FRACTION
    assert unsure["wrong_inside"] > 4 * unsure["wrong_outside"]


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=80), st.floats(0.01, 0.99))
def test_the_band_holds_the_threshold_and_is_bounded(values: list[float], threshold: float) -> None:
    probabilities = np.array(values)
    band = operating_point.uncertain_band(probabilities, np.ones(len(values)), threshold)
    assert 0 <= band.low < band.high <= 1
    assert band.low <= threshold <= band.high + 1e-4
    if band.error < 0.49:
        assert band.fraction <= operating_point.MAX_FRACTION


def test_an_unsure_model_gets_a_narrower_band() -> None:
    crowd = np.linspace(0.05, 0.95, 200)
    band = operating_point.uncertain_band(crowd, np.ones(200), 0.5)
    assert band.error > operating_point.ERROR
    assert band.fraction <= operating_point.MAX_FRACTION
