"""`predict` and `benchmark`: the app's own path, from the shell."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ml import readers
from ml.cli import benchmark as bench
from ml.contracts import Analysis, UnreadableImage
from ml.inference.analysis import analyze_each
from ml.inference.registry import Model, load_model
from ml.inference.series import analyze_series


def predict(options: argparse.Namespace) -> int:
    """Print one JSON object per file, in order. A refused file is a result, not an error. A file of several slices is
    analyzed as a series if the model can judge series.
    """
    model = load_model(options.model, engine=options.engine)
    for file, analysis in zip(options.files, analyze_each(model, options.files, batch=options.batch), strict=True):
        print(json.dumps({"file": str(file), **_record(model, file, analysis)}, allow_nan=False), flush=True)
    return 0


def _record(model: Model, file: Path, analysis: Analysis) -> dict[str, Any]:
    """The JSON record of a file. A file of several slices, refused as an image, is opened again as a series."""
    if analysis.gate.reason != "many_slices" or model.series is None:
        return analysis.as_dict()
    try:
        opened = readers.open_file(file)
    except UnreadableImage:  # the file has changed since
        return analysis.as_dict()
    return analyze_series(model, opened).as_dict()


def benchmark(options: argparse.Namespace) -> int:
    """Print the figures and write them to a file."""
    figures = bench.measure(load_model(options.model, engine=options.engine), repeats=options.repeats)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(figures) if options.json else bench.table(figures))
    return 0


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {"predict": predict, "benchmark": benchmark}
