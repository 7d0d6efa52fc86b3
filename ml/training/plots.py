"""Pictures of an evaluation: ROC, reliability, confusion, and the losses of a training. None shows a scan."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ml.training import metrics
from ml.training.dataset import tumor_targets
from ml.training.report import POOLED, Scored

DPI = 110
_DIAGONAL: dict[str, Any] = {"color": "0.6", "linewidth": 0.8, "linestyle": "--"}


def write_all(summary: dict[str, Any], scored: Scored, out: Path) -> list[Path]:
    """Write roc.png, reliability.png and confusion.png to `out`."""
    pooled = summary["sources"][POOLED]
    return [
        _roc(summary, scored, out / "roc.png"),
        _reliability(pooled["reliability"], out / "reliability.png"),
        _confusion(pooled, out / "confusion.png"),
    ]


def losses(history: dict[str, list[float]], best_epoch: int, file: Path) -> Path:
    """Training and validation loss by epoch, the chosen epoch marked."""
    figure, axes = _figure()
    for name, label in (("loss", "training"), ("val_loss", "validation")):
        axes.plot(range(1, len(history[name]) + 1), history[name], label=label)
    axes.axvline(best_epoch, color="0.6", linewidth=0.8)
    axes.set(xlabel="epoch", ylabel="loss (weighted, with L2)", title=f"Losses; epoch {best_epoch} is taken")
    axes.legend(frameon=False)
    return _save(figure, file)


def _roc(summary: dict[str, Any], scored: Scored, file: Path) -> Path:
    figure, axes = _figure()
    axes.plot([0, 1], [0, 1], **_DIAGONAL)
    names = np.array([row.source for row in scored.rows])
    for name, numbers in summary["sources"].items():
        if numbers["auroc"]["value"] is None:
            continue
        part = scored if name == POOLED else scored.only(names == name)
        misses, hits = metrics.roc_curve(tumor_targets(part.rows), part.scores)
        style: dict[str, Any] = {"color": "black", "linewidth": 2} if name == POOLED else {"linewidth": 1.2}
        axes.plot(misses, hits, label=f"{name}: AUROC {numbers['auroc']['value']:.2f}", **style)
    axes.set(xlabel="1 - specificity", ylabel="sensitivity", title=f"ROC, {summary['split']} split", aspect="equal")
    axes.legend(frameon=False, loc="lower right", fontsize=8)
    return _save(figure, file)


def _reliability(curve: dict[str, Any], file: Path) -> Path:
    figure, axes = _figure()
    axes.plot([0, 1], [0, 1], **_DIAGONAL)
    scores, shares = [b["score"] for b in curve["bins"]], [b["tumors"] for b in curve["bins"]]
    axes.plot(scores, shares, marker="o", color="black")
    for bin_, score, share in zip(curve["bins"], scores, shares, strict=True):
        axes.annotate(f"n={bin_['n']}", (score, share), xytext=(4, -10), textcoords="offset points", fontsize=7)
    error = curve["expected_calibration_error"]
    title = "Reliability" if error is None else f"Reliability; expected calibration error {error:.2f}"
    axes.set(xlabel="model score", ylabel="share with tumor", title=title, xlim=(0, 1), ylim=(0, 1), aspect="equal")
    return _save(figure, file)


def _confusion(pooled: dict[str, Any], file: Path) -> Path:
    figure = Figure(figsize=(8, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    _table(left, pooled["confusion"], "Tumor, at the model's threshold")
    _table(right, pooled["type"]["confusion"], "Type, given a tumor")
    return _save(figure, file)


def _table(axes: Axes, confusion: dict[str, Any], title: str) -> None:
    labels, counts = confusion["labels"], np.array(confusion["true_by_predicted"])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        color = "white" if shares[row, column] > 0.5 else "black"
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
