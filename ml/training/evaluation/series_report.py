"""Figures of the whole series of a split, through the same code that serves (`ml.inference.series_summary`).

They include what one would do without the fitted rule: the mean and the maximum of the slices, and calling a tumor
wherever any slice is called one. Intervals resample patients.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ml.inference.series_summary import summarize
from ml.model.series_calibration import SeriesCalibration
from ml.training import metrics
from ml.training.calibration.series_examples import FREE, PART, THINNED, WHOLE, Example, examples
from ml.training.calibration.series_fit import Findings, outcomes
from ml.training.data.series_table import WholeSeries
from ml.training.evaluation.summary import measure, rate

ALL = "all"


def evaluate(
    calibration: SeriesCalibration, series: Sequence[WholeSeries], findings: Findings, *, threshold: float
) -> dict[str, Any]:
    """JSON-ready figures of whole series, all, by source, sequence and plane, and of what is cut from them.

    threshold: from which a single slice is called tumor. Refused series are counted, and are in no other figure.
    """
    made = examples(series)
    whole = [one for one in made if one.variant == WHOLE]
    strata = {ALL: whole}
    for name in sorted({one.series.source for one in whole}):
        strata[name] = [one for one in whole if one.series.source == name]
    for name in sorted({one.series.sequence for one in whole} - {""}):
        strata[name] = [one for one in whole if one.series.sequence == name]
    for name in sorted({one.series.plane for one in whole} - {""}):
        strata[name] = [one for one in whole if one.series.plane == name]
    strata |= {variant: [one for one in made if one.variant == variant] for variant in (THINNED, FREE, PART)}
    return {name: _figures(calibration, members, findings, threshold) for name, members in strata.items()}


def _figures(
    calibration: SeriesCalibration, members: Sequence[Example], findings: Findings, threshold: float
) -> dict[str, Any]:
    slices = [outcomes(one, findings) for one in members]
    summaries = [summarize(calibration, one, threshold=threshold) for one in slices]
    kept = [number for number, one in enumerate(summaries) if one.tumor_probability is not None]
    truth = np.array([members[number].tumor for number in kept], np.int64)
    patients = np.array([members[number].subject for number in kept])
    scores = np.array([summaries[number].tumor_probability for number in kept], np.float64)
    called = np.array([summaries[number].outcome == "tumor" for number in kept], np.int64)
    unsure = np.array([summaries[number].uncertain for number in kept], np.float64)
    of_slices = [np.array([one.tumor_probability for one in slices[n] if one.accepted], np.float64) for n in kept]
    mean, most = (np.array([pooled(one) for one in of_slices], np.float64) for pooled in (np.mean, np.max))
    any_ = (most >= threshold).astype(np.int64)
    ill, well, both = "no series with a tumor", "no series without a tumor", "only one class"
    return {
        "patients": len(set(patients)),
        "patients_with_tumor": len(set(patients[truth == 1])),
        "patients_without": len(set(patients[truth == 0])),
        "series": len(kept),
        "refused": len(members) - len(kept),
        "sensitivity": measure(patients, lambda i: metrics.sensitivity(truth[i], called[i]), ill),
        "specificity": measure(patients, lambda i: metrics.specificity(truth[i], called[i]), well),
        "uncertain": rate(patients, unsure, "no series"),
        "certain_and_wrong": rate(patients, (called != truth) * (1 - unsure), "no series"),
        "auroc": measure(patients, lambda i: metrics.auroc(truth[i], scores[i]), both),
        "calibration_error": measure(patients, lambda i: metrics.calibration_error(truth[i], scores[i]), "no series"),
        "auroc_of_mean": measure(patients, lambda i: metrics.auroc(truth[i], mean[i]), both),
        "auroc_of_maximum": measure(patients, lambda i: metrics.auroc(truth[i], most[i]), both),
        "sensitivity_of_any": measure(patients, lambda i: metrics.sensitivity(truth[i], any_[i]), ill),
        "specificity_of_any": measure(patients, lambda i: metrics.specificity(truth[i], any_[i]), well),
    }
