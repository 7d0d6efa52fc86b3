"""Calibration against simulated models whose dishonesty is known."""

import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from ml.contracts import TUMOR_TYPES
from ml.model.calibration import Calibration
from ml.training import metrics
from ml.training.calibration import calibrate, platt_fit
from ml.training.calibration.calibrate import CalibrationError
from ml.training.data.dataset import tumor_targets
from tests.ml.training.simulated import population, row

pytestmark = pytest.mark.slow

NO_TYPES = np.zeros((1, 3))


def types_for(n: int) -> np.ndarray:
    return np.zeros((n, 3))


def test_the_line_is_found_again() -> None:
    rows, logits = population(3000, slope=0.4, intercept=-0.8)
    fit = calibrate.calibrate(rows, logits, types_for(3000))
    assert fit.calibration.slope == pytest.approx(0.4, rel=0.12)
    assert fit.calibration.intercept == pytest.approx(-0.8, abs=0.2)


def test_the_line_is_that_of_a_plain_logistic_regression() -> None:
    rows, logits = population(400, slope=0.7, intercept=1.0, seed=3)
    truth = tumor_targets(rows)
    weights = np.random.default_rng(0).random(400) + 0.5
    slope, intercept = platt_fit.fit_platt(logits, truth.astype(float), weights)
    other = LogisticRegression(C=np.inf, tol=1e-10).fit(logits[:, None], truth, sample_weight=weights)
    assert slope == pytest.approx(other.coef_[0, 0], rel=1e-3)
    assert intercept == pytest.approx(other.intercept_[0], rel=1e-3)


def test_a_few_wrong_labels_do_not_bend_the_line() -> None:
    """Of 4000, six in a hundred are called tumor, and three in a hundred not, whatever they show."""
    rows, logits = population(4000, slope=1.2, intercept=0.5, seed=5)
    truth = tumor_targets(rows)
    lapsed = np.random.default_rng(0).random(4000)
    truth = np.where(lapsed < 0.06, 1, np.where(lapsed > 0.97, 0, truth))
    found = platt_fit.fit_with_lapses(logits, truth.astype(float), np.ones(4000))
    plain, _ = platt_fit.fit_platt(logits, truth.astype(float), np.ones(4000))
    assert plain < 0.8
    assert found.slope == pytest.approx(1.2, rel=0.15)
    assert found.lapses == pytest.approx((0.06, 0.03), abs=0.012)
    other = population(4000, slope=1.2, intercept=0.5, seed=6)[1]
    true = 0.06 + 0.91 / (1 + np.exp(-(1.2 * other + 0.5)))
    assert np.abs(found.probability(other) - true).max() < 0.04


def test_new_patients_get_honest_probabilities() -> None:
    """Fitted on a few hundred, judged on others: the boasting goes away."""
    rows, logits = population(500, slope=0.35, intercept=0.5, seed=1)
    others, other_logits = population(20_000, slope=0.35, intercept=0.5, seed=2)
    truth = tumor_targets(others)
    fitted = calibrate.calibrate(rows, logits, types_for(500)).calibration
    before = metrics.calibration_error(truth, Calibration().probability(other_logits).astype(float))
    after = metrics.calibration_error(truth, fitted.probability(other_logits).astype(float))
    assert before > 0.08
    assert after < 0.05 < before


def test_targets_between_the_labels_are_fitted_as_well() -> None:
    """Half of the images at each of two logits: the line goes through the two log odds, by hand."""
    logits, targets = np.array([-1.0, 3.0]), np.array([0.2, 0.9])
    slope, intercept = platt_fit.fit_platt(logits, targets, np.array([1.0, 5.0]))
    low, high = np.log(0.2 / 0.8), np.log(0.9 / 0.1)
    assert slope == pytest.approx((high - low) / 4, rel=1e-5)
    assert intercept == pytest.approx(low + slope, rel=1e-5)


def test_no_curve_nearby_has_a_lower_loss() -> None:
    rows, logits = population(400, slope=1.2, intercept=0.5, seed=5)
    truth, weights = tumor_targets(rows), np.random.default_rng(0).random(400) + 0.5
    truth[20:40] = 1 - truth[20:40]
    targets = platt_fit.platt_targets(truth, weights)

    def loss(curve: platt_fit.Curve) -> float:
        p = curve.probability(logits)
        return float(-np.sum(weights * (targets * np.log(p) + (1 - targets) * np.log(1 - p))))

    best = platt_fit.fit_with_lapses(logits, targets, weights)
    assert all(0 < lapse < platt_fit.MAX_LAPSE for lapse in best.lapses)
    low, high = best.lapses
    for step in (-0.01, 0.01):
        for other in (
            platt_fit.Curve(best.slope + step, best.intercept, best.lapses),
            platt_fit.Curve(best.slope, best.intercept + step, best.lapses),
            platt_fit.Curve(best.slope, best.intercept, (low + step / 10, high)),
            platt_fit.Curve(best.slope, best.intercept, (low, high + step / 10)),
        ):
            assert loss(other) > loss(best)


def test_few_patients_make_it_less_sure() -> None:
    """Ten patients of fifty slices say less than five hundred of one: bagged, it is less sure than the best fit."""
    rng = np.random.default_rng(0)
    rows, logits = [], []
    for patient in range(10):
        ill, own = patient % 2, rng.normal(0, 2)
        for number in range(50):
            rows.append(row(patient * 50 + number, label="tumor" if ill else "no_tumor", group=f"p{patient}"))
            logits.append((2 if ill else -2) + own + rng.normal(0, 1))
    scores, truth, weights = np.array(logits), tumor_targets(rows), calibrate.source_weights(rows)
    plain = platt_fit.fit_with_lapses(scores, platt_fit.platt_targets(truth, weights), weights)
    bagged = platt_fit.fit_bagged(scores, truth, weights, calibrate.group_draws(rows, seed=0, times=40))
    sure = [float(np.abs(one.probability(scores) - 0.5).mean()) for one in (plain, bagged)]
    assert sure[1] < sure[0] - 0.005


def test_separable_logits_keep_a_finite_slope() -> None:
    rows = [row(n, label="tumor" if n >= 20 else "no_tumor") for n in range(40)]
    logits = np.where(np.arange(40) >= 20, 50.0, -50.0)
    fit = calibrate.calibrate(rows, logits, types_for(40))
    assert 0 < fit.calibration.slope < 1
    assert -50 < -fit.calibration.intercept / fit.calibration.slope < 50


def test_the_same_input_gives_the_same_fit_and_it_is_json() -> None:
    rows, logits = population(300, slope=0.5)
    first, second = (calibrate.calibrate(rows, logits, types_for(300)) for _ in range(2))
    assert first == second
    entries = json.loads(json.dumps(first.manifest(), allow_nan=False))
    assert Calibration.from_manifest(entries["calibration"]) == first.calibration
    assert entries["threshold"] == first.threshold


def test_facts_tell_before_after_and_held_out() -> None:
    rows, logits = population(600, slope=0.3)
    quality = calibrate.calibrate(rows, logits, types_for(600)).facts["calibration"]
    assert quality["after"]["log_loss"] < quality["before"]["log_loss"]
    assert quality["cross_validated"]["log_loss"] >= quality["after"]["log_loss"]
    assert quality["cross_validated"]["expected_calibration_error"] < quality["before"]["expected_calibration_error"]
    assert quality["fitted_on"] == {"split": "val", "pictures": 600, "groups": 300}


def test_a_source_that_contradicts_the_others_shows_in_its_own_error_and_makes_the_curve_less_sure() -> None:
    """Five hospitals agree; in a sixth every logit lies 6 higher, whatever the slice shows."""
    rows, logits = population(3000, slope=1.0, spread=3.0, sources=6, seed=7)
    agreed = calibrate.calibrate(rows, logits, types_for(3000))
    shifted = logits + np.where([one.source == "source5" for one in rows], 6.0, 0.0)
    fit = calibrate.calibrate(rows, shifted, types_for(3000))
    left_out = fit.facts["calibration"]["leave_one_source_out"]
    errors = {name: one["expected_calibration_error"] for name, one in left_out["sources"].items()}
    assert set(errors) == {f"source{n}" for n in range(6)}
    assert max(errors, key=lambda name: errors[name]) == "source5"
    assert errors["source5"] > 0.2 > 0.12 > np.median(list(errors.values()))
    assert left_out["all"]["log_loss"] > fit.facts["calibration"]["after"]["log_loss"]
    sure = [float(one.calibration.probability(np.array([8.0]))[0]) for one in (agreed, fit)]
    assert sure[1] < sure[0] - 0.03


def test_a_source_without_which_one_class_is_gone_has_no_left_out_error() -> None:
    rows = [row(n, source="ill" if n % 2 else "well", label="tumor" if n % 2 else "no_tumor") for n in range(40)]
    fit = calibrate.calibrate(rows, np.where(np.arange(40) % 2, 3.0, -3.0), types_for(40))
    assert fit.facts["calibration"]["leave_one_source_out"] == {"all": None, "sources": {"ill": None, "well": None}}


def test_the_curve_is_drawn_by_source_and_by_group() -> None:
    rows = [row(n, source="a" if n < 30 else "b", group=f"g{n // 3}") for n in range(60)]
    draws = calibrate.curve_draws(rows, seed=1, times=40)
    sums = draws.reshape(40, 2, 30).sum(axis=2)
    assert set(np.unique(sums)) == {0, 30, 60}  # a source is drawn never, once or twice
    assert np.all(draws.reshape(40, 20, 3) == draws.reshape(40, 20, 3)[..., :1])


def test_a_large_source_does_not_decide_alone() -> None:
    rows = [row(n, source="large" if n < 400 else "small") for n in range(500)]
    weights = calibrate.source_weights(rows)
    assert weights.mean() == pytest.approx(1)
    assert weights[:400].sum() / weights[400:].sum() == pytest.approx(2)


def test_resampling_keeps_groups_whole_and_sources_in_number() -> None:
    rows = [row(n, source="a" if n < 30 else "b", group=f"g{n // 3}") for n in range(60)]
    draws = calibrate.group_draws(rows, seed=1, times=20)
    assert draws.shape == (20, 60)
    assert np.all(draws.reshape(20, 20, 3) == draws.reshape(20, 20, 3)[..., :1])
    assert np.all(draws[:, :30].sum(axis=1) == 30)


def test_the_temperature_is_found_again() -> None:
    rng = np.random.default_rng(4)
    logits = rng.normal(0, 6, (4000, 3))
    honest = np.exp(logits / 2.5)
    honest /= honest.sum(axis=1, keepdims=True)
    rows = [row(n, type=TUMOR_TYPES[rng.choice(3, p=p)]) for n, p in enumerate(honest)]
    assert calibrate.type_temperature(rows, logits) == pytest.approx(2.5, rel=0.1)


def test_too_few_types_leave_the_temperature_alone() -> None:
    rows = [row(n, type=TUMOR_TYPES[n % 3]) for n in range(calibrate.MIN_TYPED - 1)]
    assert calibrate.type_temperature(rows, np.random.default_rng(0).normal(0, 9, (len(rows), 3))) == 1.0
    assert calibrate.type_temperature([row(n) for n in range(50)], np.zeros((50, 3))) == 1.0


def test_data_that_allows_no_calibration_is_reported() -> None:
    rows, logits = population(100)
    with pytest.raises(CalibrationError, match="finite"):
        calibrate.calibrate(rows, np.full(100, np.nan), types_for(100))
    with pytest.raises(CalibrationError, match="do not rise"):
        calibrate.calibrate(rows, -logits, types_for(100))
    with pytest.raises(CalibrationError, match="one class"):
        calibrate.calibrate([row(n) for n in range(10)], np.arange(10.0), types_for(10))
