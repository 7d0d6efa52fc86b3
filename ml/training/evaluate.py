"""A split through the shipped path: the artifact is loaded and asked as the app asks it, file by file."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ml.analysis import analyse_batch
from ml.contracts import TUMOR_TYPES, Analysis
from ml.registry import Model
from ml.training.report import Scored, report
from ml.training.splits import Row, split_rows

EVALUATION = "evaluation.json"


def evaluate(model: Model, rows: list[Row], *, split: str, batch: int = 8) -> tuple[dict[str, Any], Scored]:
    """Score every brain picture of `split` and sum up. Returns the JSON-ready report and the scores behind it.

    Raises TableError if the split has no pictures.
    """
    chosen = split_rows(rows, split)
    start = time.perf_counter()
    results = list(_analyses(model, chosen, batch=batch, name=split))
    judged = [(row, result.prediction) for row, result in zip(chosen, results, strict=True) if result.prediction]
    refused = [row for row, result in zip(chosen, results, strict=True) if not result.prediction]
    scored = Scored(
        rows=[row for row, _ in judged],
        scores=np.array([p.tumor_probability for _, p in judged], np.float64),
        types=np.array([[p.type_probabilities[kind] for kind in TUMOR_TYPES] for _, p in judged], np.float64),
    )
    summary = {
        "model": model.manifest.label,
        "engine": model.engine.name,
        "split": split,
        **report(scored, threshold=model.manifest.threshold, refused=refused),
        "seconds": round(time.perf_counter() - start, 1),
    }
    return summary, scored


def write(summary: dict[str, Any], scored: Scored, out: Path) -> list[Path]:
    """Write evaluation.json and the pictures (none of them shows a scan) to `out`; returns the files."""
    from ml.training import plots

    out.mkdir(parents=True, exist_ok=True)
    file = out / EVALUATION
    file.write_text(json.dumps(summary, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    return [file, *plots.write_all(summary, scored, out)]


def _analyses(model: Model, rows: list[Row], *, batch: int, name: str) -> Iterator[Analysis]:
    with tqdm(total=len(rows), desc=f"evaluate {name}", unit="img", mininterval=2) as bar:
        for start in range(0, len(rows), batch):
            part = rows[start : start + batch]
            yield from analyse_batch(model, [row.path for row in part])
            bar.update(len(part))
