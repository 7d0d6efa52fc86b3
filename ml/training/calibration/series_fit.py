"""Fits how the slices of a series become one probability, on whole patients of the validation split.

The series are those of `synthetic_series`; the network remembers training patients, so they cannot serve. The pooling,
a log-mean-exp between mean and maximum with or without smoothing over neighbors, is chosen by log loss, each patient
judged by a line fitted without any of its slices. There are few patients, so only three numbers are fitted, and Platt's
smoothed targets (`ml.training.calibration.platt_fit`) keep the line from overconfidence.

`python -m ml fit-series` runs it; the manifest's `series.facts.candidates` has the loss of every candidate, and of the
plain mean and maximum.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sklearn.metrics
from scipy.special import expit

from ml.contracts import BrainscanError
from ml.inference.analysis import analyze_each
from ml.inference.registry import Model
from ml.inference.series import slice_outcome
from ml.inference.series_summary import SliceOutcome, log_mean_exp, smoothed_logits
from ml.model.series_calibration import METHOD
from ml.training.calibration import operating_point
from ml.training.calibration.platt_fit import fit_platt, platt_targets
from ml.training.calibration.resampling import draw_counts
from ml.training.calibration.synthetic_series import VARIANTS, Series, synthesize
from ml.training.data.table import Row
from ml.training.evaluation import metrics
from ml.training.evaluation.metrics import Floats, Ints

SHARPNESS = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 8.0)
"""Candidates, from almost the mean of the logits to almost their maximum."""
NEIGHBORS = (0.0, 0.5)
"""Candidates for the weight of a neighboring slice, relative to the slice itself."""

RULE = (
    "greatest balanced accuracy among thresholds that keep the target sensitivity on validation, patients weighing the "
    "same; median over resampled patients, lowered to where the whole split keeps the target"
)

RESAMPLES = 200
_DIGITS = 5

Findings = dict[str, SliceOutcome]
Score = Callable[[Sequence[SliceOutcome]], float]


class SeriesError(BrainscanError):
    """The table has too few patients to fit or judge series, or their logits do not rise with tumor."""

    def __init__(self, message: str) -> None:
        super().__init__("series_failed", message)


def read(model: Model, series: Sequence[Series], *, batch: int = 8) -> Findings:
    """The model's result for each slice, by row key, through the same code that serves."""
    rows = list({row.key: row for one in series for row in one.rows}.values())
    results = analyze_each(model, (row.path for row in rows), batch=batch)
    return {row.key: slice_outcome(result) for row, result in zip(rows, results, strict=True)}


def fit(rows: Sequence[Row], findings: Findings) -> dict[str, Any]:
    """The manifest's entry `series`: the fitted numbers, and under `facts` how they were found.

    rows: of the validation split. findings: of their slices, by key; refused slices are left out. Threshold and band
    come from held-out probabilities, by the same rules as for single images.
    Raises SeriesError: fewer than three patients with series, or the pooled logits do not rise with tumor.
    """
    rows = [row for row in rows if row.key in findings and findings[row.key].accepted]
    series = synthesize(rows)
    patients = [one.subject for one in series]
    if len(set(patients)) < 3:
        raise SeriesError("Fewer than three patients have slices with and without a tumor in one sequence.")
    forms: dict[str, Score] = {"mean": _mean, "maximum": _maximum}
    forms |= {f"{sharpness}, {near}": _form(sharpness, near) for sharpness in SHARPNESS for near in NEIGHBORS}
    held_out = {name: _held_out(rows, series, findings, form) for name, form in forms.items()}
    truth, weights = _truth(series), _weights(series)
    losses = {name: _loss(truth, held_out[name], weights) for name in forms}
    pairs = {f"{sharpness}, {near}": (sharpness, near) for sharpness in SHARPNESS for near in NEIGHBORS}
    best = min(pairs, key=lambda name: losses[name])
    slope, intercept = _line(series, findings, forms[best])
    if slope <= 0:
        raise SeriesError(f"The validation series do not rise with tumor: the fitted slope is {slope}.")
    judged = held_out[best]
    draws = draw_counts(patients, times=RESAMPLES, seed=0)
    point = operating_point.choose(judged, truth, weights, draws)
    band = operating_point.uncertain_band(judged, weights, point.threshold)
    return {
        "method": METHOD,
        "sharpness": pairs[best][0],
        "neighbors": pairs[best][1],
        "slope": round(slope, _DIGITS),
        "intercept": round(intercept, _DIGITS),
        "threshold": point.threshold,
        "uncertain": [band.low, band.high],
        "facts": {
            "split": "val",
            "patients": len(set(patients)),
            "series": len(series),
            "rule": RULE,
            "sensitivity_target": point.target,
            "uncertain_error": band.error,
            "candidates": {name: round(loss, 4) for name, loss in losses.items()},
            "cross_validated": {variant: _rates(series, judged, variant, point.threshold) for variant in VARIANTS},
        },
    }


def entry(rows: Sequence[Row], probabilities: Sequence[float]) -> dict[str, Any] | None:
    """Like `fit`, from rows with their calibrated probabilities; None if fewer than three patients have series."""
    if len({one.subject for one in synthesize(rows)}) < 3:
        return None
    return fit(rows, {row.key: SliceOutcome(True, float(p)) for row, p in zip(rows, probabilities, strict=True)})


def _mean(slices: Sequence[SliceOutcome]) -> float:
    return float(smoothed_logits(slices, neighbors=0.0).mean())


def _maximum(slices: Sequence[SliceOutcome]) -> float:
    return float(smoothed_logits(slices, neighbors=0.0).max())


def _form(sharpness: float, neighbors: float) -> Score:
    return lambda slices: log_mean_exp(smoothed_logits(slices, neighbors=neighbors), sharpness)


def _held_out(rows: Sequence[Row], series: Sequence[Series], findings: Findings, form: Score) -> Floats:
    """Probabilities of the series, each patient's by a line fitted to series without any slice of that patient."""
    scores, patients = _scores(series, findings, form), np.array([one.subject for one in series])
    probabilities = np.empty(len(series))
    for name in np.unique(patients):
        slope, intercept = _line(synthesize([row for row in rows if row.subject != name]), findings, form)
        out = patients == name
        probabilities[out] = expit(slope * scores[out] + intercept)
    return probabilities


def _line(series: Sequence[Series], findings: Findings, form: Score) -> tuple[float, float]:
    truth, weights = _truth(series), _weights(series)
    return fit_platt(_scores(series, findings, form), platt_targets(truth, weights), weights)


def _scores(series: Sequence[Series], findings: Findings, form: Score) -> Floats:
    return np.array([form([findings[row.key] for row in one.rows]) for one in series])


def _truth(series: Sequence[Series]) -> Ints:
    return np.array([one.tumor for one in series], np.int64)


def _weights(series: Sequence[Series]) -> Floats:
    return np.array([one.weight for one in series])


def _loss(truth: Ints, probabilities: Floats, weights: Floats) -> float:
    kept = np.clip(probabilities, 1e-7, 1 - 1e-7)
    return float(sklearn.metrics.log_loss(truth, kept, sample_weight=weights))


def _rates(series: Sequence[Series], probabilities: Floats, variant: str, threshold: float) -> dict[str, float]:
    here = np.array([variant in one.variants for one in series])
    truth, called = _truth(series)[here], (probabilities[here] >= threshold).astype(np.int64)
    return {
        "sensitivity": metrics.sensitivity(truth, called),
        "specificity": metrics.specificity(truth, called),
        "auroc": metrics.auroc(truth, probabilities[here]),
    }
