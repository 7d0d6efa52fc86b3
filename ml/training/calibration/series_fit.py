"""Fits how the slices of a series become one probability, on the whole series of the validation split.

The network remembers training patients, so they cannot serve. The pooling (how far a cell is averaged along the series,
how sharply the slices are pooled, what a small section of the head weighs) is chosen by log loss, each patient judged
by a line fitted without that patient, among those that say nearly the same of every second, third … slice as of all.
There are few patients, so only four numbers are fitted, and Platt's smoothed targets
(`ml.training.calibration.platt_fit`) keep the line from overconfidence.

`python -m ml fit-series` runs it; the manifest's `series.facts` has loss and drift of every candidate, and of the plain
mean and maximum of the slices.
"""

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import sklearn.metrics
from scipy.special import expit

from ml.contracts import BrainscanError
from ml.inference.analysis import analyze_each
from ml.inference.registry import Model
from ml.inference.series import slice_outcome
from ml.inference.series_pooling import SliceOutcome, pool
from ml.inference.series_summary import MIN_ACCEPTED
from ml.model.series_calibration import BY_CELL, CellPooling, NeighborPooling, Pooling
from ml.training import metrics
from ml.training.calibration import operating_point
from ml.training.calibration.platt_fit import fit_platt, platt_targets
from ml.training.calibration.resampling import draw_counts
from ml.training.calibration.series_examples import THINNED, VARIANTS, WHOLE, Example, examples
from ml.training.data.series_table import WholeSeries
from ml.training.metrics import Floats, Ints

SHARPNESS = (1.0, 2.0, 3.0, 5.0)
DEPTHS = (0.02, 0.04, 0.06)
SIZES = (0.0, 4.0, 8.0)
LEAST = (0.0, 0.7, 1.0)
"""Candidates for the numbers of a `CellPooling`. Each looks at neighbors: on the few healthy heads of a validation
split, a form that does not may win by chance, and it is the healthy heads with scattered alarms that it gets wrong."""
MAX_DRIFT = 0.2
"""Of a candidate, on the scale of the fitted line's logits: what every n-th slice may change, root mean square."""
PLAIN: dict[str, Pooling] = {
    "mean": NeighborPooling(1e-3, 0.0),
    "log-mean-exp": NeighborPooling(0.5, 0.0),
    "maximum": NeighborPooling(1e3, 0.0),
    "each slice alone": CellPooling(1.0, 0.0, 2.0),
}
"""Baselines for the comparison: forms that ignore where in the head the alarms lie."""

RULE = (
    "greatest balanced accuracy among thresholds that keep the target sensitivity on validation, patients weighing the "
    "same; median over resampled patients, lowered to where the whole split keeps the target"
)

MAX_UNCERTAIN = 0.2
"""Largest fraction of the examples in the uncertain band. There are few patients, and weak evidence in a series is
better left to a person than called."""
RESAMPLES = 200
_DIGITS = 5

Findings = dict[Path, SliceOutcome]
"""What the model says of each slice, by its file."""


class SeriesError(BrainscanError):
    """The table has too few patients to fit or judge series, or their logits do not rise with tumor."""

    def __init__(self, message: str) -> None:
        super().__init__("series_failed", message)


def read(model: Model, series: Sequence[WholeSeries], *, batch: int = 8) -> Findings:
    """The model's result for each slice, through the same code that serves."""
    files = list({file: None for one in series for file in one.slices})
    return {file: slice_outcome(one) for file, one in zip(files, analyze_each(model, files, batch=batch), strict=True)}


def outcomes(example: Example, findings: Findings) -> list[SliceOutcome]:
    """The results of an example's slices, in their order."""
    return [findings[example.series.slices[index]] for index in example.slices]


def fit(series: Sequence[WholeSeries], findings: Findings) -> dict[str, Any]:
    """The manifest's entry `series`: the fitted numbers, and under `facts` how they were found.

    series: of the validation split. findings: of their slices. Threshold and band come from held-out probabilities, by
    the same rules as for single images. Examples of which too few slices are accepted are left out.
    Raises SeriesError: fewer than three patients with a tumor or without, or pooled logits that do not rise with tumor.
    """
    used = [one for one in examples(series) if _is_judged(outcomes(one, findings))]
    for word, tumor in (("with", True), ("without", False)):
        patients = {one.subject for one in used if one.tumor == tumor}
        if len(patients) < 3:
            raise SeriesError(f"Only {len(patients)} patients have series {word} a tumor; three are needed.")
    numbers = product(SHARPNESS, DEPTHS, SIZES, LEAST)
    forms = PLAIN | {", ".join(map(str, four)): CellPooling(*four) for four in numbers}
    scores = {name: _scores(used, findings, form) for name, form in forms.items()}
    held_out = {name: _held_out(used, logits) for name, logits in scores.items()}
    truth, weights = _truth(used), np.array([one.weight for one in used])
    losses = {name: _loss(truth, held_out[name], weights) for name in forms}
    lines = {name: _line(scores[name], truth, weights) for name in forms}
    drifts = {name: abs(lines[name][0]) * _drift(used, scores[name]) for name in forms}
    steady = {name for name in forms if drifts[name] <= MAX_DRIFT}
    best = min((name for name in forms if name not in PLAIN), key=lambda name: (name not in steady, losses[name]))
    slope, intercept = lines[best]
    if slope <= 0:
        raise SeriesError(f"The validation series do not rise with tumor: the fitted slope is {slope}.")
    judged = held_out[best]
    draws = draw_counts([one.subject for one in used], times=RESAMPLES, seed=0)
    point = operating_point.choose(judged, truth, weights, draws)
    band = operating_point.uncertain_band(judged, weights, point.threshold, most=MAX_UNCERTAIN)
    form = forms[best]
    assert isinstance(form, CellPooling)
    return {
        "method": BY_CELL,
        "sharpness": form.sharpness,
        "depth": form.depth,
        "size": form.size,
        "least": form.least,
        "slope": round(slope, _DIGITS),
        "intercept": round(intercept, _DIGITS),
        "threshold": point.threshold,
        "uncertain": [band.low, band.high],
        "facts": {
            "split": "val",
            "patients": {
                word: len({one.subject for one in used if one.tumor == tumor})
                for word, tumor in (("tumor", True), ("no_tumor", False))
            },
            "series": len(series),
            "examples": len(used),
            "rule": RULE,
            "sensitivity_target": point.target,
            "uncertain_error": band.error,
            "candidates": {name: round(loss, 4) for name, loss in losses.items()},
            "drifts": {name: round(drift, 4) for name, drift in drifts.items()},
            "cross_validated": {variant: _rates(used, judged, variant, point.threshold) for variant in VARIANTS},
        },
    }


def _is_judged(slices: Sequence[SliceOutcome]) -> bool:
    accepted = sum(one.accepted for one in slices)
    return accepted > 0 and accepted >= MIN_ACCEPTED * len(slices)


def _scores(used: Sequence[Example], findings: Findings, form: Pooling) -> Floats:
    return np.array([pool(outcomes(one, findings), form).logit for one in used])


def _drift(used: Sequence[Example], scores: Floats) -> float:
    """By how much every second, third … slice moves the score of all slices, root mean square; 0 without any."""
    whole = {one.series.key: score for one, score in zip(used, scores, strict=True) if one.variant == WHOLE}
    moved = [
        score - whole[one.series.key]
        for one, score in zip(used, scores, strict=True)
        if one.variant == THINNED and one.series.key in whole
    ]
    return float(np.sqrt(np.mean(np.square(moved)))) if moved else 0.0


def _held_out(used: Sequence[Example], scores: Floats) -> Floats:
    """Probabilities of the examples, each patient's by a line fitted to the others."""
    patients, weights = np.array([one.subject for one in used]), np.array([one.weight for one in used])
    truth, probabilities = _truth(used), np.empty(len(used))
    for name in np.unique(patients):
        out = patients == name
        slope, intercept = _line(scores[~out], truth[~out], weights[~out])
        probabilities[out] = expit(slope * scores[out] + intercept)
    return probabilities


def _line(scores: Floats, truth: Ints, weights: Floats) -> tuple[float, float]:
    return fit_platt(scores, platt_targets(truth, weights), weights)


def _truth(used: Sequence[Example]) -> Ints:
    return np.array([one.tumor for one in used], np.int64)


def _loss(truth: Ints, probabilities: Floats, weights: Floats) -> float:
    kept = np.clip(probabilities, 1e-7, 1 - 1e-7)
    return float(sklearn.metrics.log_loss(truth, kept, sample_weight=weights))


def _rates(used: Sequence[Example], probabilities: Floats, variant: str, threshold: float) -> dict[str, float | None]:
    here = np.array([one.variant == variant for one in used])
    truth, called = _truth(used)[here], (probabilities[here] >= threshold).astype(np.int64)
    rates = {
        "sensitivity": metrics.sensitivity(truth, called),
        "specificity": metrics.specificity(truth, called),
        "auroc": metrics.auroc(truth, probabilities[here]),
    }
    return {name: None if np.isnan(value) else value for name, value in rates.items()}
