"""Fits the curve and the type temperature of `ml.model.calibration` to the validation split.

`ml.training.calibration.platt_fit` fits the curve; the temperature minimizes the log loss of the types (Guo et al.
2017).

The split is small, and its mix of sources is not that of future images. So each source weighs as the square root of
its number of images: neither one large source nor a handful of images decides. And the curve is bagged: it follows the
mean probability over resampled sources and patients, as if other hospitals had come. Where they disagree, the fits
differ and their mean is less confident, and so is the model. How honest it is for a new hospital is measured with each
source judged by a curve that never saw it.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, softmax

from ml.contracts import BrainscanError
from ml.model.calibration import Calibration
from ml.training import metrics
from ml.training.calibration import operating_point
from ml.training.calibration.platt_fit import Curve, fit_bagged
from ml.training.calibration.resampling import draw_counts
from ml.training.data.dataset import UNKNOWN_TYPE, tumor_targets, type_targets
from ml.training.data.table import Row
from ml.training.metrics import Floats, Ints

SEED = 0
RESAMPLES = 200
FOLDS = 5
MIN_TYPED = 20
_DIGITS = 5
_TEMPERATURES = (0.05, 20.0)


class CalibrationError(BrainscanError):
    """No calibration can be fitted to the validation logits."""

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
    """Fit to validation rows. Deterministic.

    logits: (N,) of images, uncalibrated. type_logits: (N, 4). sensitivity: the target, 0 to 1, that the threshold keeps
    on these rows; see `operating_point`.
    Raises CalibrationError: one class only, logits that are not finite, or logits that do not rise with tumor.
    """
    truth, scores = tumor_targets(rows), np.asarray(logits, np.float64)
    if not (np.isfinite(scores).all() and np.isfinite(type_logits).all()):
        raise CalibrationError("The validation logits are not all finite.")
    if len(np.unique(truth)) < 2:
        raise CalibrationError("The validation split has only one class; a calibration needs both.")
    weights = source_weights(rows)
    draws = group_draws(rows, seed=seed, times=RESAMPLES)
    curve = _fitted(scores, truth, weights, curve_draws(rows, seed=seed, times=RESAMPLES))
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
    """The curve, rounded as the manifest holds it. Raises CalibrationError if it does not rise."""
    curve = fit_bagged(logits, truth, weights, draws).rounded(_DIGITS)
    if curve.slope <= 0:
        raise CalibrationError(f"The validation logits do not rise with tumor: the fitted slope is {curve.slope}.")
    return curve


def source_weights(rows: list[Row]) -> Floats:
    """(N,) weights with mean 1; a source's sum is proportional to the square root of its number of images."""
    _, inverse, counts = np.unique([row.source for row in rows], return_inverse=True, return_counts=True)
    weights = 1 / np.sqrt(counts[inverse].astype(np.float64))
    return np.asarray(weights / weights.mean(), np.float64)


def group_draws(rows: list[Row], *, seed: int, times: int) -> Ints:
    """(times, N) how often each row is drawn when groups are resampled, each source keeping its number of groups."""
    return draw_counts([row.group for row in rows], times=times, seed=seed, strata=[row.source for row in rows])


def curve_draws(rows: list[Row], *, seed: int, times: int) -> Ints:
    """(times, N) how often each row is drawn when whole sources are resampled, and groups within them."""
    sources = draw_counts([row.source for row in rows], times=times, seed=seed)
    return sources * group_draws(rows, seed=seed + 1, times=times)


def type_temperature(rows: list[Row], type_logits: NDArray[Any]) -> float:
    """Temperature of least log loss on rows of known type, weighted by source; 1.0 with too few rows to tell.

    The derivative of the loss by 1/T only rises, so it has one root.
    """
    types = type_targets(rows)
    known = types != UNKNOWN_TYPE
    if known.sum() < MIN_TYPED or len(np.unique(types[known])) < 2:
        return 1.0
    typed = [row for row, kept in zip(rows, known, strict=True) if kept]
    weights, logits = source_weights(typed), np.asarray(type_logits, np.float64)[known]
    own = logits[np.arange(len(typed)), types[known]]

    def derivative(log_temperature: float) -> float:
        expected = (softmax(logits / np.exp(log_temperature), axis=1) * logits).sum(axis=1)
        return float(np.sum(weights * (expected - own)))

    low, high = np.log(_TEMPERATURES)
    if derivative(low) <= 0:
        root = low
    elif derivative(high) >= 0:
        root = high
    else:
        root = brentq(derivative, low, high, xtol=1e-12)
    return round(float(np.exp(root)), _DIGITS)


def _quality(
    rows: list[Row], logits: Floats, truth: Ints, weights: Floats, fitted: Floats, *, seed: int
) -> dict[str, Any]:
    """Calibration errors on validation: before and after, with every patient judged by a curve fitted without it, and
    with every source judged by one fitted without that source.

    The error within one source includes its own mix of classes, which no curve of other sources can know.
    """
    sources = np.array([row.source for row in rows])
    names = sorted(set(sources))
    patients = _held_out(rows, logits, truth, _folds(rows, seed=seed), seed=seed)
    strangers = _held_out(rows, logits, truth, [sources == name for name in names], seed=seed)
    return {
        "method": (
            "Platt scaling with lapses, mean over resampled sources and patients; a source weighs as the root of its "
            "images"
        ),
        "fitted_on": {"split": "val", "pictures": len(rows), "groups": len({row.group for row in rows})},
        "before": metrics.calibration_errors(truth, np.asarray(expit(logits), np.float64)),
        "after": metrics.calibration_errors(truth, fitted),
        "cross_validated": _errors(truth, patients),
        "leave_one_source_out": {
            "all": _errors(truth, strangers),
            "sources": {name: _errors(truth[sources == name], strangers[sources == name]) for name in names},
        },
    }


def _held_out(rows: list[Row], logits: Floats, truth: Ints, folds: list[NDArray[np.bool_]], *, seed: int) -> Floats:
    """(N,) probabilities, each fold's by a curve fitted to the others; NaN where those have one class only."""
    probabilities = np.full(len(rows), np.nan)
    for fold in folds:
        rest, kept = [row for row, out in zip(rows, fold, strict=True) if not out], ~fold
        if len(np.unique(truth[kept])) == 2:
            draws = curve_draws(rest, seed=seed, times=RESAMPLES // 4)
            curve = _fitted(logits[kept], truth[kept], source_weights(rest), draws)
            probabilities[fold] = curve.probability(logits[fold])
    return probabilities


def _errors(truth: Ints, probabilities: Floats) -> dict[str, float] | None:
    judged = np.isfinite(probabilities)
    return metrics.calibration_errors(truth[judged], probabilities[judged]) if judged.any() else None


def _folds(rows: list[Row], *, seed: int) -> list[NDArray[np.bool_]]:
    """Masks (N,) of FOLDS folds. Groups stay whole, and are dealt source by source, so that each fold has every source.

    scikit-learn's StratifiedGroupKFold balances rows, not groups, and would give other folds than those behind the
    shipped model's figures.
    """
    first = {row.group: row.source for row in reversed(rows)}
    order = np.random.default_rng(seed).permutation(len(first))
    groups = sorted((first[name], int(position), name) for name, position in zip(sorted(first), order, strict=True))
    fold_of = {name: number % FOLDS for number, (_, _, name) in enumerate(groups)}
    folds = np.array([fold_of[row.group] for row in rows])
    return [folds == number for number in range(FOLDS) if (folds == number).any()]
