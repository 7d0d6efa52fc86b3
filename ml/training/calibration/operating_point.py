"""Chooses the threshold and the uncertain band on calibrated validation probabilities.

The threshold keeps a target sensitivity and has the greatest balanced accuracy among those that do. On a few hundred
images the best cut depends on single ones, so the threshold is the median over resampled patients, lowered if the whole
split needs that to keep the target.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import sklearn.metrics
from scipy.special import expit, logit

from ml.training import metrics
from ml.training.data.dataset import tumor_targets
from ml.training.data.table import Row
from ml.training.metrics import Floats, Ints

SENSITIVITY = 0.95
ALTERNATIVES = (0.9, 0.95, 0.97, 0.98, 0.99)
ERROR = 0.1
MAX_FRACTION = 0.10
"""Of all images, and with sources weighing as the root of their number. The limit for new images is 0.12."""

RULE = (
    "greatest balanced accuracy among thresholds that keep the target sensitivity on validation, sources weighing as "
    "the root of their images; median over resampled groups, lowered to where the whole split keeps the target"
)


@dataclass(frozen=True, slots=True)
class Point:
    """threshold: the lowest calibrated probability that is called tumor. target: the sensitivity to keep."""

    threshold: float
    target: float


@dataclass(frozen=True, slots=True)
class Band:
    """Calibrated probabilities that are called uncertain, from low to high.

    error: the chance of being wrong above which they are. fraction: of the weighted validation rows in the band.
    """

    low: float
    high: float
    error: float
    fraction: float


def choose(
    probabilities: Floats, truth: Ints, weights: Floats, draws: Ints, *, sensitivity: float = SENSITIVITY
) -> Point:
    """The operating point. draws: (times, N) how often each row is drawn; see `calibrate.group_draws`."""
    cuts = candidates(probabilities)
    highest = float(np.max(cuts[rates(cuts, probabilities, truth, weights)[0] >= sensitivity - 1e-12]))
    best = []
    for draw in draws:
        drawn = weights * draw
        if drawn[truth == 1].sum() and drawn[truth == 0].sum():
            best.append(_best(cuts, probabilities, truth, drawn, sensitivity))
    return Point(min(round(float(np.median(best)), 4), _floor4(highest)), sensitivity)


def candidates(probabilities: Floats) -> Floats:
    """Cuts halfway, in the logit, between neighboring probabilities, and one below them all."""
    ordered = np.clip(np.unique(probabilities), 1e-9, 1 - 1e-9)
    z = logit(ordered)
    return np.concatenate([[ordered[0] / 2], expit((z[1:] + z[:-1]) / 2)])


def rates(cuts: Floats, probabilities: Floats, truth: Ints, weights: Floats) -> tuple[Floats, Floats]:
    """Weighted sensitivity and specificity at each cut; a probability at a cut is called tumor."""
    false_positives, true_positives, thresholds = sklearn.metrics.roc_curve(
        truth, probabilities, sample_weight=weights, drop_intermediate=False
    )
    at = np.searchsorted(thresholds[::-1], cuts, side="left")
    return true_positives[::-1][at], 1 - false_positives[::-1][at]


def uncertain_band(probabilities: Floats, weights: Floats, threshold: float, *, most: float = MAX_FRACTION) -> Band:
    """The probabilities at which the calibration expects more than one in ten answers to be wrong.

    At error e the band runs from e to 1 - e, and is stretched to include the threshold. If it holds more than
    `most` of the rows, weighted or not, e rises by hundredths until it does not. The band is never empty.
    """
    for hundredths in range(round(ERROR * 100), 50):
        error = hundredths / 100
        low, high = min(error, _floor4(threshold)), max(1 - error, threshold)
        inside = (probabilities >= low) & (probabilities <= high)
        fraction = float(np.average(inside, weights=weights))
        if max(fraction, float(inside.mean())) <= most:
            break
    return Band(round(low, 4), round(high, 4), error, fraction)


def facts(point: Point, band: Band, probabilities: Floats, rows: list[Row], weights: Floats) -> dict[str, Any]:
    """JSON-ready: the rules, the cost of the point and of other targets on validation, and what is uncertain."""
    truth = tumor_targets(rows)
    called = (probabilities >= point.threshold).astype(np.int64)
    unsure = (probabilities >= band.low) & (probabilities <= band.high)
    wrong = called != truth
    return {
        "rule": RULE,
        "sensitivity_target": point.target,
        "validation": {
            "sensitivity": metrics.sensitivity(truth, called),
            "specificity": metrics.specificity(truth, called),
            "weighted_sensitivity": _rates_at(point.threshold, probabilities, truth, weights)[0],
            "weighted_specificity": _rates_at(point.threshold, probabilities, truth, weights)[1],
        },
        "alternatives": [_alternative(target, probabilities, truth, weights) for target in ALTERNATIVES],
        "uncertain": {
            "rule": f"the calibration expects more than {band.error:.0%} of such answers to be wrong",
            "error": band.error,
            "share": float(unsure.mean()),
            "weighted_share": band.fraction,
            "wrong_inside": float(wrong[unsure].mean()) if unsure.any() else None,
            "wrong_outside": float(wrong[~unsure].mean()) if (~unsure).any() else None,
        },
    }


def _best(cuts: Floats, probabilities: Floats, truth: Ints, weights: Floats, sensitivity: float) -> float:
    """The middle one of the cuts with the greatest balanced accuracy among those that keep the sensitivity."""
    sensitivities, specificities = rates(cuts, probabilities, truth, weights)
    quality = np.where(sensitivities >= sensitivity - 1e-12, sensitivities + specificities, -1)
    best = np.flatnonzero(quality >= quality.max() - 1e-12)
    return float(cuts[best[len(best) // 2]])


def _alternative(target: float, probabilities: Floats, truth: Ints, weights: Floats) -> dict[str, float]:
    cuts = candidates(probabilities)
    cut = _floor4(float(np.max(cuts[rates(cuts, probabilities, truth, weights)[0] >= target - 1e-12])))
    sensitivity, specificity = _rates_at(cut, probabilities, truth, weights)
    return {"sensitivity_target": target, "threshold": cut, "sensitivity": sensitivity, "specificity": specificity}


def _rates_at(cut: float, probabilities: Floats, truth: Ints, weights: Floats) -> tuple[float, float]:
    sensitivities, specificities = rates(np.array([cut]), probabilities, truth, weights)
    return float(sensitivities[0]), float(specificities[0])


def _floor4(value: float) -> float:
    """Rounded down to four digits, so that a threshold keeps its sensitivity."""
    return float(np.floor(value * 10_000) / 10_000)
