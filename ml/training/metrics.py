"""The measures of an evaluation, each with its definition. Positive means tumor.

Intervals are 95% percentile bootstrap intervals (Efron & Tibshirani 1993, ch. 13) that resample whole groups: slices of
one patient are not independent, so resampling single slices would make the intervals too narrow.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.stats
import sklearn.metrics
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RESAMPLES = 1000
BINS = 15
"""Bins of the calibration error, as in Guo et al. 2017."""


def sensitivity(truth: Ints, predicted: Ints) -> float:
    """True positives over all positives; NaN without positives."""
    return _ratio(np.sum((truth == 1) & (predicted == 1)), np.sum(truth == 1))


def specificity(truth: Ints, predicted: Ints) -> float:
    """True negatives over all negatives; NaN without negatives."""
    return _ratio(np.sum((truth == 0) & (predicted == 0)), np.sum(truth == 0))


def auroc(truth: Ints, scores: Floats) -> float:
    """Area under the ROC curve, 0 to 1, ties counting half; NaN if `truth` has one class only.

    As the Mann-Whitney statistic (Hanley & McNeil 1982): scikit-learn's `roc_auc_score` gives the same value in thirty
    times the time, and a bootstrap asks a thousand times.
    """
    positives = int(np.sum(truth == 1))
    negatives = len(truth) - positives
    if not positives or not negatives:
        return float("nan")
    above = scipy.stats.rankdata(scores)[truth == 1].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def roc_curve(truth: Ints, scores: Floats) -> tuple[Floats, Floats]:
    """False and true positive rates at every distinct score, from (0, 0) to (1, 1)."""
    false_positives, true_positives, _ = sklearn.metrics.roc_curve(truth, scores, drop_intermediate=False)
    return np.asarray(false_positives, np.float64), np.asarray(true_positives, np.float64)


def confusion(truth: Ints, predicted: Ints, *, classes: int) -> list[list[int]]:
    """Counts; rows are true classes, columns predicted ones. All 0 without images."""
    if not len(truth):
        return [[0] * classes for _ in range(classes)]
    counts: list[list[int]] = sklearn.metrics.confusion_matrix(truth, predicted, labels=range(classes)).tolist()
    return counts


def reliability(truth: Ints, scores: Floats, *, bins: int = BINS) -> dict[str, Any]:
    """Reliability curve over bins of equal width, and the expected calibration error over the same bins.

    JSON-ready; empty bins are left out.
    """
    rows = []
    index = _equal_width(scores, bins)
    for number in np.unique(index).tolist():
        here = index == number
        mean, fraction = float(scores[here].mean()), float(truth[here].mean())
        edges = {"from": number / bins, "to": (number + 1) / bins}
        rows.append({**edges, "n": int(here.sum()), "score": mean, "tumors": fraction})
    return {"bins": rows, "expected_calibration_error": calibration_error(truth, scores, bins=bins) if rows else None}


def calibration_error(truth: Ints, scores: Floats, *, bins: int = BINS) -> float:
    """Expected calibration error (Naeini et al. 2015; Guo et al. 2017) over bins of equal width.

    The mean over images of |mean score - fraction of tumors| in the image's bin: 0 is perfect, NaN without images.
    """
    return _mean_gap(truth, scores, _equal_width(scores, bins), bins)


def equal_mass_error(truth: Ints, scores: Floats, *, bins: int = BINS) -> float:
    """The same error over bins with equally many images (Nixon et al. 2019), which resolve crowded scores better."""
    order = np.argsort(scores, kind="stable")
    index = np.empty(len(scores), np.int64)
    index[order] = np.arange(len(scores)) * bins // max(len(scores), 1)
    return _mean_gap(truth, scores, index, bins)


def brier(truth: Ints, scores: Floats) -> float:
    """Mean squared difference of score and truth (Brier 1950); NaN without images."""
    return float(np.mean((scores - truth) ** 2)) if len(scores) else float("nan")


def log_loss(truth: Ints, scores: Floats) -> float:
    """Mean negative log-likelihood, scores clipped 1e-7 away from 0 and 1; NaN without images."""
    if not len(scores):
        return float("nan")
    return float(sklearn.metrics.log_loss(truth, np.clip(scores, 1e-7, 1 - 1e-7), labels=(0, 1)))


def calibration_errors(truth: Ints, scores: Floats) -> dict[str, float]:
    """The four measures above by name."""
    return {
        "expected_calibration_error": calibration_error(truth, scores),
        "equal_mass_error": equal_mass_error(truth, scores),
        "brier": brier(truth, scores),
        "log_loss": log_loss(truth, scores),
    }


def bootstrap(
    statistic: Callable[[Ints], float], groups: NDArray[Any], *, resamples: int | None = None, seed: int = 0
) -> tuple[float, float] | None:
    """95% interval of `statistic`, a function of row numbers, resampling whole groups with replacement.

    groups: (N,) the group of each row. resamples: RESAMPLES unless given. Resamples in which the statistic is NaN (one
    class only) are left out, where SciPy's own interval would be NaN; None with fewer than two groups, or if fewer than
    half of the resamples give a value.
    """
    members = [np.flatnonzero(groups == name) for name in np.unique(groups)]
    if len(members) < 2:
        return None

    times = RESAMPLES if resamples is None else resamples
    with warnings.catch_warnings(action="ignore", category=scipy.stats.DegenerateDataWarning):
        values = scipy.stats.bootstrap(
            (np.arange(len(members)),),
            lambda numbers: statistic(np.concatenate([members[i] for i in numbers])),
            vectorized=False,
            n_resamples=times,
            method="percentile",
            rng=np.random.default_rng(seed),
        ).bootstrap_distribution
    defined = values[~np.isnan(values)]
    if len(defined) < times / 2:
        return None
    low, high = np.percentile(defined, (2.5, 97.5))
    return float(low), float(high)


def _equal_width(scores: Floats, bins: int) -> Ints:
    return np.minimum((scores * bins).astype(np.int64), bins - 1)


def _mean_gap(truth: Ints, scores: Floats, index: Ints, bins: int) -> float:
    if not len(scores):
        return float("nan")
    sums = np.bincount(index, weights=scores - truth, minlength=bins)
    return float(np.abs(sums).sum() / len(scores))


def _ratio(part: Any, whole: Any) -> float:
    return float(part / whole) if whole else float("nan")
