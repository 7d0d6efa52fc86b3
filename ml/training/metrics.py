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
BINS = 10


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


def best_threshold(truth: Ints, scores: Floats) -> float:
    """The cut, halfway between two neighboring scores, of greatest balanced accuracy (Youden 1950); ties go to 0.5."""
    ordered = np.unique(scores)
    cuts = (ordered[1:] + ordered[:-1]) / 2 if len(ordered) > 1 else np.array([0.5])
    quality = np.array([balanced_accuracy(truth, (scores >= cut).astype(np.int64)) for cut in cuts])
    best = cuts[quality >= quality.max() - 1e-12]
    return float(best[np.argmin(np.abs(best - 0.5))])


def confusion(truth: Ints, predicted: Ints, *, classes: int) -> list[list[int]]:
    """Counts, rows true, columns predicted."""
    table = np.zeros((classes, classes), np.int64)
    np.add.at(table, (truth, predicted), 1)
    return [[int(n) for n in row] for row in table]


def reliability(truth: Ints, scores: Floats, *, bins: int = BINS) -> dict[str, Any]:
    """Reliability curve over equal-width bins of the score, and the expected calibration error (Guo et al. 2017)."""
    index = np.minimum((scores * bins).astype(np.int64), bins - 1)
    rows, error = [], 0.0
    for number in range(bins):
        here = index == number
        n = int(here.sum())
        if n:
            mean, share = float(scores[here].mean()), float(truth[here].mean())
            error += n / len(scores) * abs(mean - share)
            rows.append({"from": number / bins, "to": (number + 1) / bins, "n": n, "score": mean, "tumors": share})
    return {"bins": rows, "expected_calibration_error": error if len(scores) else None}


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


def _ratio(part: Any, whole: Any) -> float:
    return float(part / whole) if whole else float("nan")


def _midranks(values: Floats) -> Floats:
    _, inverse, count = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(count)
    return np.asarray((ends - (count - 1) / 2)[inverse], np.float64)
