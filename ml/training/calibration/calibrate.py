"""Honest probabilities: the curve and the temperature of `ml.model.calibration`, fitted on the validation split.

How the curve is found is told in `ml.training.calibration.platt_fit`; the types' temperature by their log loss (Guo et
al. 2017).

The split is small and its mix of sources is not that of the pictures to come, so two things are done. Each source
weighs as the root of its number of pictures: neither one large source nor a handful of pictures decides. And the curve
is not the one of best fit but that of the mean probability over resampled patients (a bagged fit): where few patients
speak, fits differ, their mean is less sure, and so is the model.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.contracts import BrainscanError
from ml.model.calibration import Calibration
from ml.training.calibration import operating_point
from ml.training.calibration.platt_fit import Curve, fit_bagged
from ml.training.data.dataset import UNKNOWN_TYPE, tumor_targets, type_targets
from ml.training.data.table import Row
from ml.training.evaluation import metrics
from ml.training.evaluation.metrics import Floats, Ints

SEED = 0
RESAMPLES = 200
FOLDS = 5
MIN_TYPED = 20
_DIGITS = 5
_TEMPERATURES = (0.05, 20.0)


class CalibrationError(BrainscanError):
    """The validation logits allow no calibration."""

    def __init__(self, message: str) -> None:
        super().__init__("calibration_failed", message)


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted calibration with its operating point. facts: JSON-ready, how both were found and what they cost."""

    calibration: Calibration
    threshold: float
    facts: dict[str, Any]

    def manifest(self) -> dict[str, Any]:
        """The manifest's entries `threshold`, `calibration` (what decides answers) and `operating_point` (facts)."""
        return {
            "threshold": self.threshold,
            "calibration": self.calibration.as_dict(),
            "operating_point": self.facts,
        }


def calibrate(
    rows: list[Row],
    logits: NDArray[Any],
    type_logits: NDArray[Any],
    *,
    sensitivity: float = operating_point.SENSITIVITY,
    seed: int = SEED,
) -> Fit:
    """Fit on validation rows. logits: (N,) of pictures, uncalibrated. type_logits: (N, 3). Same input, same result.

    sensitivity: the target, 0 to 1, that the threshold keeps on these rows; see `operating_point`.
    Raises CalibrationError: only one class, logits that are not finite, or logits that do not rise with tumor.
    """
    truth, scores = tumor_targets(rows), np.asarray(logits, np.float64)
    if not (np.isfinite(scores).all() and np.isfinite(type_logits).all()):
        raise CalibrationError("The validation logits are not all finite.")
    if len(np.unique(truth)) < 2:
        raise CalibrationError("The validation split has only one class; a calibration needs both.")
    weights = source_weights(rows)
    draws = resamples(rows, seed=seed, times=RESAMPLES)
    curve = _fitted(scores, truth, weights, draws)
    temperature = type_temperature(rows, type_logits)
    plain = Calibration(curve.slope, curve.intercept, temperature, lapses=curve.lapses)
    probabilities = plain.probability(scores).astype(np.float64)
    point = operating_point.choose(probabilities, truth, weights, draws, sensitivity=sensitivity)
    band = operating_point.uncertain_band(probabilities, weights, point.threshold)
    calibration = replace(plain, uncertain=(band.low, band.high))
    facts = {
        **operating_point.facts(point, band, probabilities, rows, weights),
        "calibration": _quality(rows, scores, truth, weights, probabilities, seed=seed),
    }
    return Fit(calibration, point.threshold, facts)


def _fitted(logits: Floats, truth: Ints, weights: Floats, draws: Ints) -> Curve:
    """As it stands in a manifest. Raises CalibrationError where the curve does not rise."""
    curve = fit_bagged(logits, truth, weights, draws).rounded(_DIGITS)
    if curve.slope <= 0:
        raise CalibrationError(f"The validation logits do not rise with tumor: the fitted slope is {curve.slope}.")
    return curve


def source_weights(rows: list[Row]) -> Floats:
    """(N,) weights with mean 1; a source's sum is proportional to the root of its number of pictures."""
    _, inverse, counts = np.unique([row.source for row in rows], return_inverse=True, return_counts=True)
    weights = 1 / np.sqrt(counts[inverse].astype(np.float64))
    return np.asarray(weights / weights.mean(), np.float64)


def resamples(rows: list[Row], *, seed: int, times: int) -> Ints:
    """(times, N) how often each row is drawn when groups are drawn with replacement, each source keeping its number."""
    names, inverse = np.unique([row.group for row in rows], return_inverse=True)
    source_of = {row.group: row.source for row in rows}
    sources = np.array([source_of[str(name)] for name in names])
    rng = np.random.default_rng(seed)
    taken = np.zeros((times, len(names)), np.int64)
    for source in np.unique(sources):
        members = np.flatnonzero(sources == source)
        taken[:, members] = rng.multinomial(len(members), np.full(len(members), 1 / len(members)), size=times)
    return taken[:, inverse]


def type_temperature(rows: list[Row], type_logits: NDArray[Any]) -> float:
    """Temperature of least log loss on rows of known type, sources weighing as above; 1.0 with too few to tell.

    The derivative of the loss by 1/T only rises, so its root is found by halving (in the logarithm).
    """
    types = type_targets(rows)
    known = types != UNKNOWN_TYPE
    if known.sum() < MIN_TYPED or len(np.unique(types[known])) < 2:
        return 1.0
    typed = [row for row, kept in zip(rows, known, strict=True) if kept]
    weights, logits = source_weights(typed), np.asarray(type_logits, np.float64)[known]
    own = logits[np.arange(len(typed)), types[known]]

    def rises(temperature: float) -> bool:
        scaled = logits / temperature
        p = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        return float(np.sum(weights * ((p * logits).sum(axis=1) - own))) > 0

    low, high = np.log(_TEMPERATURES)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rises(float(np.exp(middle))) else (low, middle)
    return round(float(np.exp((low + high) / 2)), _DIGITS)


def _quality(
    rows: list[Row], logits: Floats, truth: Ints, weights: Floats, fitted: Floats, *, seed: int
) -> dict[str, Any]:
    """Errors on the validation split before and after, and with every group judged by a curve fitted without it."""
    held_out = np.full(len(rows), np.nan)
    for fold in _folds(rows, seed=seed):
        rest = [row for row, out in zip(rows, fold, strict=True) if not out]
        kept = ~fold
        if len(np.unique(truth[kept])) == 2:
            draws = resamples(rest, seed=seed, times=RESAMPLES // 4)
            held_out[fold] = _fitted(logits[kept], truth[kept], source_weights(rest), draws).probability(logits[fold])
    judged = np.isfinite(held_out)
    return {
        "method": "Platt scaling with lapses, mean over resampled groups; a source weighs as the root of its pictures",
        "fitted_on": {"split": "val", "pictures": len(rows), "groups": len({row.group for row in rows})},
        "before": metrics.calibration_errors(truth, Curve(1.0, 0.0).probability(logits)),
        "after": metrics.calibration_errors(truth, fitted),
        "cross_validated": metrics.calibration_errors(truth[judged], held_out[judged]) if judged.any() else None,
    }


def _folds(rows: list[Row], *, seed: int) -> list[NDArray[np.bool_]]:
    """Groups dealt to FOLDS hands, source after source, so that each hand has some of every source."""
    first = {row.group: row.source for row in reversed(rows)}
    order = np.random.default_rng(seed).permutation(len(first))
    groups = sorted((first[name], int(position), name) for name, position in zip(sorted(first), order, strict=True))
    hand = {name: number % FOLDS for number, (_, _, name) in enumerate(groups)}
    hands = np.array([hand[row.group] for row in rows])
    return [hands == number for number in range(FOLDS) if (hands == number).any()]
