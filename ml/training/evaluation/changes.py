"""What changed between two models on the same images: figures of both, and the answers that flipped."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from ml.contracts import BrainscanError
from ml.training import metrics
from ml.training.data.dataset import tumor_targets
from ml.training.data.table import Row
from ml.training.evaluation.report import POOLED
from ml.training.evaluation.scored import Scored
from ml.training.evaluation.tables import line

COMMAND = "python -m ml changes before/results.json after/results.json --data folder --out docs/figures/changes.json"

_FIGURES = ("sensitivity", "specificity", "auroc")


def results(summary: dict[str, Any], scored: Scored) -> dict[str, Any]:
    """What `changes` compares: a model's tumor probability of each image that it judged, by key.
    JSON-ready."""
    judged = {row.key: float(score) for row, score in zip(scored.rows, scored.scores, strict=True)}
    kept = {name: summary[name] for name in ("model", "threshold")}
    return kept | {"probabilities": judged}


def read(file: Path) -> dict[str, Any]:
    """Results as `evaluate` wrote them. Raises BrainscanError if the file is something else."""
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        _ = found["model"], found["threshold"], found["probabilities"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BrainscanError("results_missing", f"{file} holds no results of an evaluation: {error}.") from error
    return found


def changes(rows: list[Row], before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """By source, and pooled, over the images that both models judged: figures of both, and the flips.

    before, after: as `results` returns them. Raises BrainscanError if no image has been judged by both.
    """
    both = [row for row in rows if row.key in before["probabilities"] and row.key in after["probabilities"]]
    if not both:
        raise BrainscanError("results_missing", "No image of the table has been judged by both models.")
    strata = {name: [row for row in both if row.source == name] for name in sorted({row.source for row in both})}
    return {
        "command": COMMAND,
        "before": before["model"],
        "after": after["model"],
        "sources": {name: _stratum(chosen, before, after) for name, chosen in {**strata, POOLED: both}.items()},
    }


def _stratum(rows: list[Row], before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    truth = tumor_targets(rows)
    probabilities = [np.array([one["probabilities"][row.key] for row in rows]) for one in (before, after)]
    called = [scores >= one["threshold"] for scores, one in zip(probabilities, (before, after), strict=True)]
    was_right, is_right = (one == truth for one in called)
    return {
        "n": len(rows),
        "before": _figures(truth, probabilities[0], called[0]),
        "after": _figures(truth, probabilities[1], called[1]),
        "right_to_wrong": int((was_right & ~is_right).sum()),
        "wrong_to_right": int((~was_right & is_right).sum()),
    }


def _figures(truth: metrics.Ints, scores: metrics.Floats, called: Any) -> dict[str, float | None]:
    predicted = called.astype(np.int64)
    values = (
        metrics.sensitivity(truth, predicted),
        metrics.specificity(truth, predicted),
        metrics.auroc(truth, scores),
    )
    return {name: None if np.isnan(value) else float(value) for name, value in zip(_FIGURES, values, strict=True)}


def table(found: dict[str, Any]) -> str:
    """The changes as a Markdown table: each figure before and after."""
    head = ["source", "images", "sensitivity", "specificity", "AUROC", "wrong, now right", "right, now wrong"]
    lines = [line(head), line(["---"] * len(head))]
    for name, one in found["sources"].items():
        pairs = [f"{_value(one['before'][figure])} → {_value(one['after'][figure])}" for figure in _FIGURES]
        lines.append(line([name, str(one["n"]), *pairs, str(one["wrong_to_right"]), str(one["right_to_wrong"])]))
    return "\n".join(lines)


def _value(number: float | None) -> str:
    return "–" if number is None else f"{number:.3f}"
