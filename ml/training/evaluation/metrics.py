"""What is measured, in NumPy, each with its definition. Positive means tumor.

Intervals are 95% percentile bootstrap intervals (Efron & Tibshirani 1993, ch. 13), resampled by group: slices of one
patient are not independent, and resampling single slices would give intervals that are too narrow.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RESAMPLES = 1000
BINS = 15
"""Bins of the calibration error, as Guo et al. 2017 use them."""


def sensitivity(truth: Ints, predicted: Ints) -> float:
    """True positives over all positives; NaN without positives."""
    return _ratio(np.sum((truth == 1) & (predicted == 1)), np.sum(truth == 1))


def specificity(truth: Ints, predicted: Ints) -> float:
    """True negatives over all negatives; NaN without negatives."""
    return _ratio(np.sum((truth == 0) & (predicted == 0)), np.sum(truth == 0))


def balanced_accuracy(truth: Ints, predicted: Ints) -> float:
    """Mean of sensitivity and specificity."""
    return (sensitivity(truth, predicted) + specificity(truth, predicted)) / 2


def auroc(truth: Ints, scores: Floats) -> float:
    """Area under the ROC curve as the Mann-Whitney statistic, ties counting half (Hanley & McNeil 1982).

    NaN where only one class stands.
    """
    positives, negatives = int(np.sum(truth == 1)), int(np.sum(truth == 0))
    if not positives or not negatives:
        return float("nan")
    ranks = _midranks(scores)
    above = ranks[truth == 1].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def roc_curve(truth: Ints, scores: Floats) -> tuple[Floats, Floats]:
    """False and true positive rate at every distinct score, from (0, 0) to (1, 1)."""
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    hits = np.cumsum(truth[order] == 1)[last]
    misses = np.cumsum(truth[order] == 0)[last]
    return np.append(0, misses / misses[-1]).astype(np.float64), np.append(0, hits / hits[-1]).astype(np.float64)


def confusion(truth: Ints, predicted: Ints, *, classes: int) -> list[list[int]]:
    """Counts, rows true, columns predicted."""
    table = np.zeros((classes, classes), np.int64)
    np.add.at(table, (truth, predicted), 1)
    return [[int(n) for n in row] for row in table]


def reliability(truth: Ints, scores: Floats, *, bins: int = BINS) -> dict[str, Any]:
    """Reliability curve over equal-width bins of the score, and the expected calibration error over them."""
    rows = []
    for number, here in _filled(np.minimum((scores * bins).astype(np.int64), bins - 1), bins):
        mean, fraction = float(scores[here].mean()), float(truth[here].mean())
        edges = {"from": number / bins, "to": (number + 1) / bins}
        rows.append({**edges, "n": int(here.sum()), "score": mean, "tumors": fraction})
    return {"bins": rows, "expected_calibration_error": calibration_error(truth, scores, bins=bins) if rows else None}


def calibration_error(truth: Ints, scores: Floats, *, bins: int = BINS) -> float:
    """Expected calibration error (Naeini et al. 2015; Guo et al. 2017): mean over pictures of |mean score - share of
    tumors| of their bin, bins of equal width. 0 is perfect; NaN without pictures.
    """
    return _gap(truth, scores, np.minimum((scores * bins).astype(np.int64), bins - 1), bins)


def equal_mass_error(truth: Ints, scores: Floats, *, bins: int = BINS) -> float:
    """The same over bins that hold equally many pictures (Nixon et al. 2019): sees more where scores crowd."""
    order = np.argsort(scores, kind="stable")
    index = np.empty(len(scores), np.int64)
    index[order] = np.arange(len(scores)) * bins // max(len(scores), 1)
    return _gap(truth, scores, index, bins)


def brier(truth: Ints, scores: Floats) -> float:
    """Mean squared distance of score and truth (Brier 1950); NaN without pictures."""
    return float(np.mean((scores - truth) ** 2)) if len(scores) else float("nan")


def log_loss(truth: Ints, scores: Floats) -> float:
    """Mean negative logarithm of the probability that the truth was given; scores are kept 1e-7 away from 0 and 1."""
    kept = np.clip(scores, 1e-7, 1 - 1e-7)
    return float(-np.mean(np.where(truth == 1, np.log(kept), np.log(1 - kept)))) if len(scores) else float("nan")


def calibration_errors(truth: Ints, scores: Floats) -> dict[str, float]:
    """The four figures above by name."""
    return {
        "expected_calibration_error": calibration_error(truth, scores),
        "equal_mass_error": equal_mass_error(truth, scores),
        "brier": brier(truth, scores),
        "log_loss": log_loss(truth, scores),
    }


def bootstrap(
    statistic: Callable[[Ints], float], groups: NDArray[Any], *, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float] | None:
    """95% interval of `statistic`, a function of row numbers, resampling whole groups with replacement.

    groups: (N,) the group of each row. Resamples in which the statistic is undefined (one class only) are left out;
    None if there are fewer than two groups, or if fewer than half of the resamples give a value.
    """
    members = [np.flatnonzero(groups == name) for name in np.unique(groups)]
    if len(members) < 2:
        return None
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(resamples):
        drawn = rng.integers(0, len(members), len(members))
        values.append(statistic(np.concatenate([members[i] for i in drawn])))
    defined = np.array([value for value in values if not np.isnan(value)])
    if len(defined) < resamples / 2:
        return None
    low, high = np.percentile(defined, (2.5, 97.5))
    return float(low), float(high)


def _filled(index: Ints, bins: int) -> list[tuple[int, NDArray[np.bool_]]]:
    members = [(number, index == number) for number in range(bins)]
    return [(number, here) for number, here in members if here.any()]


def _gap(truth: Ints, scores: Floats, index: Ints, bins: int) -> float:
    if not len(scores):
        return float("nan")
    sums = np.bincount(index, weights=scores - truth, minlength=bins)
    return float(np.abs(sums).sum() / len(scores))


def _ratio(part: Any, whole: Any) -> float:
    return float(part / whole) if whole else float("nan")


def _midranks(values: Floats) -> Floats:
    _, inverse, count = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(count)
    return np.asarray((ends - (count - 1) / 2)[inverse], np.float64)
