"""Scores of a split, summed up: per source and pooled, with intervals. The same report for validation and test."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.contracts import TUMOR_TYPES
from ml.training import metrics
from ml.training.dataset import UNKNOWN_TYPE, tumor_targets, type_targets
from ml.training.metrics import Floats, Ints
from ml.training.splits import Row

POOLED = "pooled"


@dataclass(frozen=True, slots=True)
class Scored:
    """What a model said of N rows. scores: (N,) tumor, 0 to 1. types: (N, 3). Rows the gate refused are not in it."""

    rows: list[Row]
    scores: Floats
    types: Floats

    def only(self, keep: NDArray[np.bool_]) -> "Scored":
        rows = [row for row, kept in zip(self.rows, keep, strict=True) if kept]
        return Scored(rows, self.scores[keep], self.types[keep])


def report(scored: Scored, *, threshold: float, refused: list[Row] | None = None) -> dict[str, Any]:
    """{"threshold": …, "sources": {name: summary, …, "pooled": summary}}, JSON-ready."""
    refused = refused or []
    sources = np.array([row.source for row in scored.rows])
    summaries = {}
    for name in sorted({row.source for row in [*scored.rows, *refused]}):
        turned_away = sum(row.source == name for row in refused)
        summaries[name] = _summary(scored.only(sources == name), threshold, turned_away)
    summaries[POOLED] = _summary(scored, threshold, len(refused))
    return {"threshold": threshold, "interval": "95% bootstrap by group", "sources": summaries}


def _summary(scored: Scored, threshold: float, refused: int) -> dict[str, Any]:
    truth, scores = tumor_targets(scored.rows), scored.scores
    predicted = (scores >= threshold).astype(np.int64)
    groups = np.array([row.group for row in scored.rows])
    return {
        "n": len(scored.rows),
        "groups": len(np.unique(groups)),
        "tumor": int(truth.sum()),
        "no_tumor": int((truth == 0).sum()),
        "refused": refused,
        "sensitivity": _measure(
            groups, lambda i: metrics.sensitivity(truth[i], predicted[i]), "no picture with a tumor in this source"
        ),
        "specificity": _measure(
            groups, lambda i: metrics.specificity(truth[i], predicted[i]), "no picture without a tumor in this source"
        ),
        "auroc": _measure(groups, lambda i: metrics.auroc(truth[i], scores[i]), "only one class stands in this source"),
        "confusion": {
            "labels": ["no_tumor", "tumor"],
            "true_by_predicted": metrics.confusion(truth, predicted, classes=2),
        },
        "reliability": metrics.reliability(truth, scores),
        "type": _types(scored),
    }


def _types(scored: Scored) -> dict[str, Any]:
    known = type_targets(scored.rows) != UNKNOWN_TYPE
    typed = scored.only(known)
    truth, predicted = type_targets(typed.rows), typed.types.argmax(axis=1).astype(np.int64)
    groups = np.array([row.group for row in typed.rows])
    return {
        "n": len(typed.rows),
        "accuracy": _measure(groups, lambda i: _accuracy(truth[i], predicted[i]), "no picture with a known type"),
        "confusion": {
            "labels": list(TUMOR_TYPES),
            "true_by_predicted": metrics.confusion(truth, predicted, classes=len(TUMOR_TYPES)),
        },
    }


def _accuracy(truth: Ints, predicted: Ints) -> float:
    return float(np.mean(truth == predicted)) if len(truth) else math.nan


def _measure(groups: NDArray[Any], statistic: Callable[[Ints], float], why_undefined: str) -> dict[str, Any]:
    value = statistic(np.arange(len(groups)))
    if math.isnan(value):
        return {"value": None, "interval": None, "reason": why_undefined}
    interval = metrics.bootstrap(statistic, groups)
    return {"value": value, "interval": list(interval) if interval else None}
