"""The metrics against their definitions, and against scikit-learn's."""

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ml.training import metrics

PAIRS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=4, max_size=60)


def split(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    truth = np.array([t for t, _ in pairs], np.int64)
    assume(0 < truth.sum() < len(truth))
    return truth, np.array([s for _, s in pairs], np.float64) / 20


@settings(deadline=None)
@given(PAIRS)
def test_auroc_is_the_chance_to_rank_a_pair_right(pairs: list[tuple[int, int]]) -> None:
    truth, scores = split(pairs)
    positives, negatives = scores[truth == 1], scores[truth == 0]
    wins = (positives[:, None] > negatives).mean() + (positives[:, None] == negatives).mean() / 2
    assert metrics.auroc(truth, scores) == pytest.approx(wins)


@pytest.mark.slow
@settings(deadline=None)
@given(PAIRS)
def test_they_agree_with_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    truth, scores = split(pairs)
    predicted = (scores >= 0.5).astype(np.int64)
    assert metrics.auroc(truth, scores) == pytest.approx(sklearn.metrics.roc_auc_score(truth, scores))
    assert metrics.sensitivity(truth, predicted) == pytest.approx(sklearn.metrics.recall_score(truth, predicted))
    assert metrics.specificity(truth, predicted) == pytest.approx(
        sklearn.metrics.recall_score(truth, predicted, pos_label=0)
    )
    assert metrics.confusion(truth, predicted, classes=2) == sklearn.metrics.confusion_matrix(truth, predicted).tolist()
    false_positives, true_positives = metrics.roc_curve(truth, scores)
    area = np.trapezoid(true_positives, false_positives)
    assert area == pytest.approx(metrics.auroc(truth, scores))


def test_the_roc_curve_by_hand() -> None:
    """Two tumors at 0.9 and 0.4, two healthy images at 0.4 and 0.1: a tie goes up and to the right at once."""
    false_positives, true_positives = metrics.roc_curve(np.array([1, 1, 0, 0]), np.array([0.9, 0.4, 0.4, 0.1]))
    assert false_positives.tolist() == [0, 0, 0.5, 1]
    assert true_positives.tolist() == [0, 0.5, 1, 1]


def test_resampling_by_hand() -> None:
    """Two groups, so that three means are possible, a quarter, a half and a quarter of the time."""
    values = np.array([0.0, 0.0, 1.0])
    seen: list[float] = []

    def mean(rows: np.ndarray) -> float:
        seen.append(float(values[rows].mean()))
        return seen[-1]

    assert metrics.bootstrap(mean, np.array(["a", "a", "b"]), resamples=400) == (0.0, 1.0)
    fractions = [np.mean(np.isclose(seen, value)) for value in (0.0, 1 / 3, 1.0)]
    assert fractions == pytest.approx([0.25, 0.5, 0.25], abs=0.07)


def test_a_metric_that_needs_both_classes_is_nan_with_one() -> None:
    ones = np.ones(3, np.int64)
    assert np.isnan(metrics.auroc(ones, np.array([0.1, 0.2, 0.3])))
    assert np.isnan(metrics.specificity(ones, ones))
    assert metrics.sensitivity(ones, ones) == 1


def test_intervals_hold_the_value_and_repeat() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 300)
    scores = np.clip(truth * 0.3 + rng.random(300) * 0.7, 0, 1)
    groups = np.arange(300) // 3

    def statistic(rows: np.ndarray) -> float:
        return metrics.auroc(truth[rows], scores[rows])

    first, second = (metrics.bootstrap(statistic, groups, resamples=200) for _ in range(2))
    assert first == second
    assert first is not None
    assert first[0] < statistic(np.arange(300)) < first[1]


def test_intervals_by_group_are_wider_than_by_image() -> None:
    """Twenty patients of thirty equal slices each say as much as twenty images, not as six hundred."""
    right = np.repeat(np.random.default_rng(1).integers(0, 2, 20), 30).astype(float)

    def width(groups: np.ndarray) -> float:
        interval = metrics.bootstrap(lambda rows: float(right[rows].mean()), groups, resamples=300)
        assert interval is not None
        return interval[1] - interval[0]

    assert width(np.repeat(np.arange(20), 30)) > 3 * width(np.arange(600))


def test_no_interval_from_one_group_or_without_values() -> None:
    assert metrics.bootstrap(lambda rows: 1.0, np.zeros(5)) is None
    assert metrics.bootstrap(lambda rows: float("nan"), np.arange(5), resamples=20) is None


def test_reliability_of_a_calibrated_and_of_a_boasting_score() -> None:
    truth = np.array([1] * 8 + [0] * 2)
    calibrated = metrics.reliability(truth, np.full(10, 0.8), bins=10)
    assert calibrated["expected_calibration_error"] == pytest.approx(0)
    assert calibrated["bins"] == [{"from": 0.8, "to": 0.9, "n": 10, "score": pytest.approx(0.8), "tumors": 0.8}]
    assert metrics.reliability(truth, np.full(10, 1.0))["expected_calibration_error"] == pytest.approx(0.2)


def test_calibration_error_by_its_definition() -> None:
    """Fifteen bins: 0.1 and 0.11 share one, 0.9 is alone in its bin."""
    truth, scores = np.array([0, 1, 1]), np.array([0.1, 0.11, 0.9])
    assert metrics.calibration_error(truth, scores) == pytest.approx(2 / 3 * abs(0.5 - 0.105) + 1 / 3 * 0.1)
    assert metrics.brier(truth, scores) == pytest.approx((0.01 + 0.89**2 + 0.01) / 3)
    assert np.isnan(metrics.calibration_error(np.array([], np.int64), np.array([])))


def test_equal_mass_sees_what_equal_width_averages_away() -> None:
    """In one wide bin the low scores boast and the high ones are shy; together they look right."""
    scores = np.repeat([0.935, 0.995], 1000)
    truth = np.concatenate([np.arange(1000) < 995, np.arange(1000) < 935]).astype(np.int64)
    assert metrics.calibration_error(truth, scores) == pytest.approx(0, abs=1e-9)
    assert metrics.equal_mass_error(truth, scores, bins=2) == pytest.approx(0.06)


@pytest.mark.slow
@given(PAIRS)
def test_proper_scores_agree_with_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    truth, scores = split(pairs)
    kept = np.clip(scores, 1e-7, 1 - 1e-7)
    assert metrics.brier(truth, scores) == pytest.approx(sklearn.metrics.brier_score_loss(truth, scores))
    assert metrics.log_loss(truth, scores) == pytest.approx(sklearn.metrics.log_loss(truth, kept))
