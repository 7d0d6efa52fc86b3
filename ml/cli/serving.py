"""`predict` and `benchmark`: the app's own path, from the shell."""

import argparse
import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ml.cli import benchmark as bench
from ml.contracts import Analysis, Gate, UnreadableImage
from ml.inference.analysis import analyze_each
from ml.inference.registry import Model, load_model
from ml.inference.series import analyze_series
from ml.readers import study


def predict(options: argparse.Namespace) -> int:
    """Print one JSON object per file, in order. A refused file is a result, not an error.

    If the model can judge series, a file of several slices or an archive is read as on a site: as the scans in it.
    """
    model = load_model(options.model, engine=options.engine)
    for file, analysis in zip(options.files, analyze_each(model, options.files, batch=options.batch), strict=True):
        print(json.dumps({"file": str(file), **_record(model, file, analysis)}, allow_nan=False), flush=True)
    return 0


def _record(model: Model, file: Path, analysis: Analysis) -> dict[str, Any]:
    """The JSON record of a file. One that was refused as an image is opened again if it may hold several slices."""
    try:
        if model.series is None or not (analysis.gate.reason == "many_slices" or study.is_archive(file)):
            return analysis.as_dict()
        with tempfile.TemporaryDirectory(prefix="brainscan-") as folder:
            return _of_study(model, study.open_study(file, folder=Path(folder)), analysis)
    except OSError:  # the file is gone, or cannot be unpacked here
        return analysis.as_dict()
    except UnreadableImage as error:
        return _refused(analysis, error)


def _of_study(model: Model, found: study.Study, analysis: Analysis) -> dict[str, Any]:
    """The record of the scan that speaks most for a tumor, with those of all scans if there are several."""
    rejected = [{"name": name, "code": error.code, "message": error.message} for name, error in found.rejected]
    left_out = {"rejected": rejected} if rejected else {}
    if not found.scans:
        return _refused(analysis, found.rejected[0][1]) | left_out
    scans = [_of_scan(model, scan, analysis) for scan in found.scans]
    leading = max(scans, key=lambda one: one["tumor_probability"] or 0.0)
    return leading | ({"scans": scans} if len(scans) > 1 else {}) | left_out


def _of_scan(model: Model, scan: study.Scan, analysis: Analysis) -> dict[str, Any]:
    found = _refused(analysis, scan.problem) if scan.problem else analyze_series(model, scan.slices).as_dict()
    return {"name": scan.name, **found, "notes": list(scan.notes)}


def _refused(analysis: Analysis, error: UnreadableImage) -> dict[str, Any]:
    """analysis: of the file, which was refused as an image."""
    return replace(analysis, gate=Gate(accepted=False, reason=error.code, message=error.message)).as_dict()


def benchmark(options: argparse.Namespace) -> int:
    """Print the figures and write them to a file."""
    figures = bench.measure(load_model(options.model, engine=options.engine), repeats=options.repeats)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(figures) if options.json else bench.table(figures))
    return 0


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {"predict": predict, "benchmark": benchmark}
