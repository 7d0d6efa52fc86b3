"""Evaluates an artifact on a split through the same code that serves, file by file."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ml.contracts import Analysis
from ml.inference.analysis import analyze_each
from ml.inference.registry import Model
from ml.training.data.table import NOT_BRAIN, Row, split_rows
from ml.training.evaluation import changes, error_analysis
from ml.training.evaluation.report import not_brain_report, report
from ml.training.evaluation.scored import Refused, Scored, scored

EVALUATION = "evaluation.json"
RESULTS = "results.json"


def evaluate(model: Model, rows: list[Row], *, split: str, batch: int = 8) -> tuple[dict[str, Any], Scored]:
    """The JSON-ready report of `split`, and the scores behind it.

    Raises TableError if the split has no brain images. Other images of the split are reported under "not_brain".
    """
    chosen = split_rows(rows, split)
    foreign = [row for row in rows if row.label == NOT_BRAIN and row.split == split]
    start = time.perf_counter()
    results = list(_analyses(model, [*chosen, *foreign], batch=batch, name=split))
    judged, refused = scored(chosen, results[: len(chosen)])
    known = {row.key for row, result in zip(chosen, results, strict=False) if result.trained_on}
    threshold = model.manifest.threshold
    summary = {
        "model": model.manifest.label,
        "engine": model.engine.name,
        "split": split,
        "without": model.manifest.data["training"].get("without"),
        **report(judged, threshold=threshold, refused=refused),
        "not_brain": not_brain_report(foreign, results[len(chosen) :]),
        "without_copies": _without_copies(judged, refused, known, threshold) if split == "test" else None,
        "worst": error_analysis.worst(judged, threshold=threshold),
        "seconds": round(time.perf_counter() - start, 1),
    }
    return summary, judged


def _without_copies(judged: Scored, refused: list[Refused], known: set[str], threshold: float) -> dict[str, Any]:
    """The same figures without images that the artifact's hashes recognize.

    A table's groups may miss copies of web images that were resized or sharpened, and those measure memory.
    """
    unseen = judged.only(np.array([row.key not in known for row in judged.rows], bool))
    rest = [item for item in refused if item.row.key not in known]
    figures = report(unseen, threshold=threshold, refused=rest)
    return {"copies": len(known), "sources": figures["sources"], "sequences": figures["sequences"]}


def write(summary: dict[str, Any], scored: Scored, out: Path) -> list[Path]:
    """Write evaluation.json, results.json and the plots to `out` and return the files. No plot shows a scan."""
    from ml.training.evaluation import plots

    out.mkdir(parents=True, exist_ok=True)
    file = out / EVALUATION
    file.write_text(json.dumps(summary, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    results = out / RESULTS
    results.write_text(json.dumps(changes.results(summary, scored), allow_nan=False) + "\n", encoding="utf-8")
    return [file, results, *plots.write_all(summary, scored, out)]


def _analyses(model: Model, rows: list[Row], *, batch: int, name: str) -> Iterator[Analysis]:
    with tqdm(total=len(rows), desc=f"evaluate {name}", unit="img", mininterval=2) as bar:
        for analysis in analyze_each(model, (row.path for row in rows), batch=batch):
            yield analysis
            bar.update()
