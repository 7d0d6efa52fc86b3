"""`predict` and `benchmark`: what the app's own path does, from the shell."""

import argparse
import json
from collections.abc import Callable

from ml import benchmark as bench
from ml.analysis import analyse_batch
from ml.registry import load_model


def predict(options: argparse.Namespace) -> int:
    """One JSON object for each file, in order. A file that is refused is an answer, not an error."""
    model = load_model(options.model, engine=options.engine)
    for start in range(0, len(options.files), options.batch):
        part = options.files[start : start + options.batch]
        for file, analysis in zip(part, analyse_batch(model, part), strict=True):
            print(json.dumps({"file": str(file), **analysis.as_dict()}, allow_nan=False), flush=True)
    return 0


def benchmark(options: argparse.Namespace) -> int:
    """Print the figures and keep them in a file."""
    figures = bench.measure(load_model(options.model, engine=options.engine), repeats=options.repeats)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(figures) if options.json else bench.table(figures))
    return 0


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {"predict": predict, "benchmark": benchmark}
