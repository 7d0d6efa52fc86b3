"""The figures of one stratum of a split: {"value", "interval"} each, and a "reason" if it is undefined."""

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.contracts import TUMOR_TYPES
from ml.training import metrics
from ml.training.data.dataset import UNKNOWN_TYPE, tumor_targets, type_targets
from ml.training.evaluation.scored import Refused, Scored
from ml.training.metrics import Floats, Ints


def summarize(scored: Scored, *, threshold: float, refused: list[Refused]) -> dict[str, Any]:
    """All figures of some rows. refused: the rows of the same stratum that were refused."""
    truth, scores = tumor_targets(scored.rows), scored.scores
    predicted = (scores >= threshold).astype(np.int64)
    groups = np.array([row.group for row in scored.rows])
    one_class = "only one class is in this source"
    return {
        "n": len(scored.rows),
        "groups": len(np.unique(groups)),
        "tumor": int(truth.sum()),
        "no_tumor": int((truth == 0).sum()),
        "refused": len(refused),
        "refusals": _refusals(scored, refused),
        "sensitivity": measure(
            groups, lambda i: metrics.sensitivity(truth[i], predicted[i]), "no image with a tumor in this source"
        ),
        "specificity": measure(
            groups, lambda i: metrics.specificity(truth[i], predicted[i]), "no image without a tumor in this source"
        ),
        "auroc": measure(groups, lambda i: metrics.auroc(truth[i], scores[i]), one_class),
        "calibration_error": measure(groups, lambda i: metrics.calibration_error(truth[i], scores[i]), "no image"),
        "equal_mass_error": measure(groups, lambda i: metrics.equal_mass_error(truth[i], scores[i]), "no image"),
        "brier": measure(groups, lambda i: metrics.brier(truth[i], scores[i]), "no image"),
        "confusion": {
            "labels": ["no_tumor", "tumor"],
            "true_by_predicted": metrics.confusion(truth, predicted, classes=2),
        },
        "reliability": metrics.reliability(truth, scores),
        "uncertain": _uncertain(scored, truth != predicted),
        "evidence": evidence(scored, groups),
        "type": _types(scored),
    }


def type_summary(scored: Scored, tumor_type: str, *, threshold: float) -> dict[str, Any]:
    """Figures of the rows of one tumor type: detected at all, named correctly, and the evidence on it."""
    groups = np.array([row.group for row in scored.rows])
    found = (scored.scores >= threshold).astype(np.float64)
    named = (scored.types.argmax(axis=1) == TUMOR_TYPES.index(tumor_type)).astype(np.float64)
    return {
        "n": len(scored.rows),
        "groups": len(np.unique(groups)),
        "sensitivity": rate(groups, found, "no such image"),
        "named": rate(groups, named, "no such image"),
        "evidence": evidence(scored, groups),
    }


def evidence(scored: Scored, groups: NDArray[Any]) -> dict[str, Any]:
    """How often the hottest point lies on a tumor of known location, and the overlap of the boxes."""
    unknown = "the table does not say where the tumors are"
    figures: dict[str, Any] = {}
    for name, field in (("in_box_or_mask", "in_any"), ("in_mask", "in_mask"), ("box_overlap", "overlap")):
        values = scored.localization(field)
        known = np.isfinite(values)
        figures[name] = {"n": int(known.sum()), **rate(groups[known], values[known], unknown)}
    return figures


def rate(groups: NDArray[Any], values: Floats, why_undefined: str) -> dict[str, Any]:
    """The mean of values from 0 to 1, with its interval by group."""
    return measure(groups, lambda i: float(values[i].mean()) if len(i) else math.nan, why_undefined)


def measure(groups: NDArray[Any], statistic: Callable[[Ints], float], why_undefined: str) -> dict[str, Any]:
    """A statistic of row numbers over all rows, with its interval by group."""
    value = statistic(np.arange(len(groups)))
    if math.isnan(value):
        return {"value": None, "interval": None, "reason": why_undefined}
    interval = metrics.bootstrap(statistic, groups)
    return {"value": value, "interval": list(interval) if interval else None}


def _refusals(scored: Scored, refused: list[Refused]) -> dict[str, Any]:
    rows = [*scored.rows, *(item.row for item in refused)]
    refused_flags = np.array([0.0] * len(scored.rows) + [1.0] * len(refused))
    fraction = rate(np.array([row.group for row in rows]), refused_flags, "no image")
    return {"share": fraction, "reasons": dict(sorted(Counter(item.reason for item in refused).items()))}


def _uncertain(scored: Scored, wrong: NDArray[np.bool_]) -> dict[str, Any] | None:
    if scored.uncertain is None or not len(scored.rows):
        return None
    unsure = scored.uncertain
    return {
        "n": int(unsure.sum()),
        "share": float(unsure.mean()),
        "wrong_inside": float(wrong[unsure].mean()) if unsure.any() else None,
        "wrong_outside": float(wrong[~unsure].mean()) if (~unsure).any() else None,
    }


def _types(scored: Scored) -> dict[str, Any]:
    typed = scored.only(type_targets(scored.rows) != UNKNOWN_TYPE)
    truth, predicted = type_targets(typed.rows), typed.types.argmax(axis=1).astype(np.int64)
    groups = np.array([row.group for row in typed.rows])
    return {
        "n": len(typed.rows),
        "accuracy": rate(groups, (truth == predicted).astype(np.float64), "no image with a known type"),
        "confusion": {
            "labels": list(TUMOR_TYPES),
            "true_by_predicted": metrics.confusion(truth, predicted, classes=len(TUMOR_TYPES)),
        },
    }
