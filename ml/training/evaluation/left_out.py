"""The honest forecast for a new hospital: models that were trained without a source, each judged on its images.

Beside them, if there is one, a reference: a model made by the same schedule that learned from every source, on those
images that it did not learn from either. Its advantage there is what a new hospital costs.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ml.contracts import BrainscanError
from ml.training import metrics
from ml.training.data.dataset import tumor_targets
from ml.training.data.table import Row
from ml.training.evaluation.tables import figure, line

COMMAND = "python -m ml forecast SOURCE … --data folder --out docs/figures/left-out.json"

LEFT_OUT = "left out"
SAME = "left out, images that the reference judged"
REFERENCE = "learned from, the same images"

Results = dict[str, Any]
"""Of an evaluation, as `changes.results` returns them."""


def collect(
    rows: list[Row], left: Sequence[Results], *, reference: Results | None = None, schedule: str = ""
) -> dict[str, Any]:
    """Figures of each model on the source that it was trained without, pooled and by sequence, JSON-ready.

    rows: of the table. reference: of a model of the same schedule, trained on all sources. schedule: how all of them
    were trained, in words.
    Raises BrainscanError: a model was trained on all sources, judged none of its source's images, or leaves out what
    another does; or the reference was trained without a source.
    """
    if reference is not None and reference.get("without"):
        raise BrainscanError("reference_left_out", f"The reference was trained without {reference['without']!r}.")
    sources: dict[str, Any] = {}
    for one in left:
        source = one.get("without")
        judged = [row for row in rows if row.source == source and row.key in one["probabilities"]]
        if not source or not judged:
            raise BrainscanError("nothing_left_out", f"{one['model']} has no figures on a source left out.")
        if source in sources:
            raise BrainscanError("left_out_twice", f"Two models were trained without {source!r}.")
        sources[source] = {LEFT_OUT: _strata(judged, one)}
        if reference is not None:
            both = [row for row in judged if row.key in reference["probabilities"] and row.split != "train"]
            sources[source] |= {SAME: _strata(both, one), REFERENCE: _strata(both, reference)} if both else {}
    return {"command": COMMAND, "schedule": schedule, "sources": dict(sorted(sources.items()))}


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


def _strata(rows: list[Row], results: Results) -> dict[str, Any]:
    sequences = sorted({row.sequence for row in rows} - {""})
    strata = {rows[0].source: rows}
    if len(sequences) > 1:
        strata |= {f"{rows[0].source}/{name}": [row for row in rows if row.sequence == name] for name in sequences}
    return {name: _summary(chosen, results) for name, chosen in strata.items()}


def _summary(rows: list[Row], results: Results) -> dict[str, Any]:
    truth, groups = tumor_targets(rows), np.array([row.group for row in rows])
    scores = np.array([results["probabilities"][row.key] for row in rows])
    called = (scores >= results["threshold"]).astype(np.int64)
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
