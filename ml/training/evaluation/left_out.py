"""The honest forecast for a new hospital: models that were trained without a source, each judged on its images.

Beside each stands a reference: a model made in the same way that learned from every source, on those images that it did
not learn from either.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.training import metrics
from ml.training.data.dataset import tumor_targets
from ml.training.data.table import Row
from ml.training.evaluation.tables import figure, line

LEFT_OUT = "left out"
SAME = "left out, images that the reference judged"
REFERENCE = "learned from, the same images"


@dataclass(frozen=True, slots=True)
class Judged:
    """A model's tumor probabilities by the images' keys, and the lowest one that it calls tumor."""

    probabilities: dict[str, float]
    threshold: float


@dataclass(frozen=True, slots=True)
class Pair:
    """What a model says of a source that it was trained without, and what a reference says that learned from it."""

    without: Judged
    reference: Judged


def collect(rows: list[Row], pairs: Mapping[str, Pair], *, command: str, schedule: str) -> dict[str, Any]:
    """Figures of each source, pooled and by sequence, JSON-ready.

    rows: of the table. pairs: by source. schedule: how the models were trained, in words.
    """
    sources: dict[str, Any] = {}
    for source, pair in sorted(pairs.items()):
        judged = [row for row in rows if row.source == source and row.key in pair.without.probabilities]
        sources[source] = {LEFT_OUT: _strata(judged, pair.without)}
        both = [row for row in judged if row.key in pair.reference.probabilities]
        if both:
            sources[source] |= {SAME: _strata(both, pair.without), REFERENCE: _strata(both, pair.reference)}
    return {"command": command, "schedule": schedule, "sources": sources}


def table(found: dict[str, Any]) -> str:
    """For each source left out, and each of its sequences, a line by the model without it and two beside the
    reference; figures with their 95% intervals."""
    head = ["source", "was", "images (tumor / none)", "groups", "sensitivity", "specificity", "AUROC"]
    lines = [line(head), line(["---"] * len(head))]
    for measured in found["sources"].values():
        for name in measured[LEFT_OUT]:
            for how, strata in measured.items():
                if (one := strata.get(name)) is not None:
                    counts = [f"{one['n']} ({one['tumor']} / {one['n'] - one['tumor']})", str(one["groups"])]
                    lines.append(line([name, how, *counts, *(figure(one[key]) for key in _FIGURES)]))
    return "\n".join(lines)


def _strata(rows: list[Row], judged: Judged) -> dict[str, Any]:
    sequences = sorted({row.sequence for row in rows} - {""})
    strata = {rows[0].source: rows}
    if len(sequences) > 1:
        strata |= {f"{rows[0].source}/{name}": [row for row in rows if row.sequence == name] for name in sequences}
    return {name: _summary(chosen, judged) for name, chosen in strata.items()}


def _summary(rows: list[Row], judged: Judged) -> dict[str, Any]:
    truth, groups = tumor_targets(rows), np.array([row.group for row in rows])
    scores = np.array([judged.probabilities[row.key] for row in rows])
    called = (scores >= judged.threshold).astype(np.int64)
    predicted = {"sensitivity": called, "specificity": called, "auroc": scores}
    return {
        "n": len(rows),
        "tumor": int(truth.sum()),
        "groups": len(set(groups)),
        **{name: _measured(_FIGURES[name], truth, predicted[name], groups) for name in _FIGURES},
    }


_FIGURES: dict[str, Callable[..., float]] = {
    "sensitivity": metrics.sensitivity,
    "specificity": metrics.specificity,
    "auroc": metrics.auroc,
}


def _measured(measure: Callable[..., float], truth: metrics.Ints, predicted: Any, groups: Any) -> dict[str, Any]:
    value = measure(truth, predicted)
    if np.isnan(value):
        return {"value": None, "interval": None}
    interval = metrics.bootstrap(lambda chosen: measure(truth[chosen], predicted[chosen]), groups)
    return {"value": round(value, 4), "interval": interval and [round(end, 4) for end in interval]}
