"""Plots of an evaluation: ROC, reliability, confusion; and of a training's history. None shows a scan."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ml.training import metrics
from ml.training.data.dataset import tumor_targets
from ml.training.evaluation.report import POOLED
from ml.training.evaluation.scored import Scored

DPI = 110
LOSSES = ("picture", "cell", "location", "type")
_DIAGONAL: dict[str, Any] = {"color": "0.6", "linewidth": 0.8, "linestyle": "--"}


def write_all(summary: dict[str, Any], scored: Scored, out: Path) -> list[Path]:
    """Write roc.png, reliability.png and confusion.png to `out`."""
    pooled = summary["sources"][POOLED]
    return [
        _roc(summary, scored, out / "roc.png"),
        _reliability(pooled["reliability"], out / "reliability.png"),
        _confusion(pooled, out / "confusion.png"),
    ]


def history(sections: list[dict[str, float]], file: Path) -> Path:
    """Plot a training by section: losses on the left, validation figures on the right."""
    losses = [name for name in LOSSES if name in sections[0]]
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    numbers = range(1, len(sections) + 1)
    for axes, names, title in (
        (left, losses, "Training losses"),
        (right, [name for name in sections[0] if name not in losses], "Validation figures"),
    ):
        for name in names:
            axes.plot(numbers, [section[name] for section in sections], marker="o", markersize=3, label=name)
        axes.set(xlabel="section", title=title)
        axes.legend(frameon=False, fontsize=7)
    return _save(figure, file)


def _roc(summary: dict[str, Any], scored: Scored, file: Path) -> Path:
    """A curve for each source and sequence with both classes, and a pooled one."""
    figure, axes = _figure()
    axes.plot([0, 1], [0, 1], **_DIAGONAL)
    sources = np.array([row.source for row in scored.rows])
    sequences = np.array([f"{row.source}/{row.sequence}" for row in scored.rows])
    for name, numbers in {**summary["sequences"], **summary["sources"]}.items():
        if numbers["auroc"]["value"] is None:
            continue
        part = scored if name == POOLED else scored.only((sources == name) | (sequences == name))
        misses, hits = metrics.roc_curve(tumor_targets(part.rows), part.scores)
        style: dict[str, Any] = {"linewidth": 1.2, "linestyle": ":" if name in summary["sequences"] else "-"}
        if name == POOLED:
            style = {"color": "black", "linewidth": 2}
        axes.plot(misses, hits, label=f"{name}: AUROC {numbers['auroc']['value']:.3f}", **style)
    axes.set(xlabel="1 - specificity", ylabel="sensitivity", title=f"ROC, {summary['split']} split", aspect="equal")
    axes.legend(frameon=False, loc="lower right", fontsize=8)
    return _save(figure, file)


def _reliability(curve: dict[str, Any], file: Path) -> Path:
    """Fraction of tumors by calibrated probability, over a histogram of the images."""
    figure = Figure(figsize=(4.8, 5.4), layout="constrained")
    axes, below = figure.subplots(2, 1, height_ratios=(4, 1), sharex=True)
    axes.plot([0, 1], [0, 1], **_DIAGONAL)
    scores, fractions = [b["score"] for b in curve["bins"]], [b["tumors"] for b in curve["bins"]]
    axes.plot(scores, fractions, marker="o", color="black")
    error = curve["expected_calibration_error"]
    title = "Reliability" if error is None else f"Reliability; expected calibration error {error:.3f}"
    axes.set(ylabel="fraction with tumor", title=title, xlim=(0, 1), ylim=(0, 1))
    middles = [(b["from"] + b["to"]) / 2 for b in curve["bins"]]
    below.bar(middles, [b["n"] for b in curve["bins"]], width=0.9 / metrics.BINS, color="0.5")
    below.set(xlabel="tumor probability", ylabel="images", yscale="log")
    return _save(figure, file)


def _confusion(pooled: dict[str, Any], file: Path) -> Path:
    figure = Figure(figsize=(8, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    _table(left, pooled["confusion"], "Tumor, at the model's threshold")
    _table(right, pooled["type"]["confusion"], "Type, given a tumor")
    return _save(figure, file)


def _table(axes: Axes, confusion: dict[str, Any], title: str) -> None:
    labels, counts = confusion["labels"], np.array(confusion["true_by_predicted"])
    fractions = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(fractions, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        color = "white" if fractions[row, column] > 0.5 else "black"
        axes.text(column, row, f"{count}", ha="center", va="center", color=color)
    axes.set(xticks=range(len(labels)), yticks=range(len(labels)), xlabel="predicted", ylabel="true", title=title)
    axes.set_xticklabels(labels, fontsize=8)
    axes.set_yticklabels(labels, fontsize=8, rotation=90, va="center")


def _figure() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(4.8, 4.4), layout="constrained")
    return figure, figure.subplots()


def _save(figure: Figure, file: Path) -> Path:
    FigureCanvasAgg(figure)
    figure.savefig(file, dpi=DPI, metadata={"Software": None})
    return file
