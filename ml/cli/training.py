"""The commands for making models, from `train` to `card`. They need the training dependencies."""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ml.inference.registry import load_model, read_manifest
from ml.training.evaluation.tables import markdown
from ml.training.settings import FORECAST, FORECAST_DRAWS, NAME, Settings


def train(options: argparse.Namespace) -> int:
    """Train on a data table, write the artifact and print its figures on the test split."""
    from ml.training.run import Job, train

    if (status := _weights_missing(options)) is not None:
        return status
    given = {name: getattr(options, name) for name in ("seed", "copies", "sections")}
    settings = replace(Settings(), **{name: value for name, value in given.items() if value is not None})
    name = options.name or (f"{NAME}-without-{options.without}" if options.without else NAME)
    given_to = (options.data, options.out, options.work, options.weights, settings, name, options.init)
    job = Job(*given_to, without=options.without or "")
    print(markdown(train(job)))
    return 0


def evaluate(options: argparse.Namespace) -> int:
    """Measure one split, through the same path as serving."""
    from ml.training.data.table import read_table
    from ml.training.evaluation import evaluate
    from ml.training.export import record

    if options.record and options.split == "train":
        print("brainscan: --record takes the figures of the validation or the test split.", file=sys.stderr)
        return 2
    rows = read_table(options.data)
    model = load_model(options.model, engine=options.engine)
    summary, scored = evaluate.evaluate(model, rows, split=options.split, batch=options.batch)
    if options.out is not None:
        evaluate.write(summary, scored, options.out)
    if options.record:
        record(model.manifest.path, summary)
    print(json.dumps(summary, allow_nan=False) if options.json else markdown(summary))
    return 0


def fit_gate(options: argparse.Namespace) -> int:
    """Fit an artifact's gate again and write a new artifact with it, whose series and figures have to be made again."""
    from ml.training.data.near_duplicates import drop_near_duplicates
    from ml.training.data.table import read_table
    from ml.training.export import export, write_manifest
    from ml.training.gate.refit import refit

    manifest = read_manifest(options.model)
    run = refit(manifest, drop_near_duplicates(read_table(options.data)), work=options.work)
    folder = export(run, options.out, name=options.name or manifest.name)
    if (similarity := manifest.data.get("similarity")) is not None:  # of embeddings, which stay
        write_manifest(folder, read_manifest(folder).data | {"similarity": similarity})
    print(json.dumps(run.gate, indent=2, allow_nan=False))
    print(f"{read_manifest(folder).label} written to {folder}", file=sys.stderr)
    return 0


def fit_series(options: argparse.Namespace) -> int:
    """Fit an artifact's series calibration again and write a new artifact with it."""
    from ml.training.calibration import series_fit
    from ml.training.data.series_table import split_series
    from ml.training.export import with_series

    series = split_series(options.data, "val")
    model = load_model(options.model, engine=options.engine)
    entry = series_fit.fit(series, series_fit.read(model, series))
    folder = with_series(model.manifest.path, options.out, entry)
    print(json.dumps(entry, indent=2, allow_nan=False))
    print(f"{read_manifest(folder).label} written to {folder}", file=sys.stderr)
    return 0


def evaluate_series(options: argparse.Namespace) -> int:
    """Measure whole series of one split, by patient."""
    from ml.training.calibration import series_fit
    from ml.training.data.series_table import split_series
    from ml.training.evaluation import series_report
    from ml.training.evaluation.tables import series_table
    from ml.training.export import record_series

    series = split_series(options.data, options.split)
    model = load_model(options.model, engine=options.engine)
    if model.series is None:
        print(f"brainscan: {model.manifest.label} cannot judge series.", file=sys.stderr)
        return 2
    findings = series_fit.read(model, series)
    found = series_report.evaluate(model.series, series, findings, threshold=model.manifest.threshold)
    if options.record:
        record_series(model.manifest.path, found, split=options.split)
    print(json.dumps(found, allow_nan=False) if options.json else series_table(found))
    return 0


def audit(options: argparse.Namespace) -> int:
    """Print every pair of images that leaks between two splits. Exit status 1 if there is one."""
    from ml.training.data import audit
    from ml.training.data.table import read_table

    least = audit.MIN_CORRELATION if options.min_correlation is None else options.min_correlation
    rows = read_table(options.data, check_splits=False)
    found = audit.audit(rows, min_correlation=least)
    if options.json:
        print(json.dumps(audit.summary(rows, found, min_correlation=least), allow_nan=False))
    else:
        print(audit.report(rows, found, min_correlation=least))
    return 1 if found else 0


def export(options: argparse.Namespace) -> int:
    """Write the artifact of a finished run. Its test figures have to be measured again."""
    from ml.training.export import Run, export

    folder = export(Run.load(options.run), options.out, name=options.name or NAME)
    print(f"{read_manifest(folder).label} written to {folder}")
    return 0


def compare(options: argparse.Namespace) -> int:
    """Print prototype, baseline and artifact side by side; trains the prototype, reads the others' figures."""
    from ml.training.data.table import check_trainable, read_table
    from ml.training.evaluation import compare
    from ml.training.evaluation.documents import Documents
    from ml.training.evaluation.prototype import DenseHead, Features

    if (status := _weights_missing(options)) is not None:
        return status
    rows = read_table(options.data)
    check_trainable(rows)
    manifest = read_manifest(options.model)
    found = compare.prototype(rows, Features(options.weights, cache=options.work / "prototype"), DenseHead)
    _write(options.out, found)
    ours, baseline = manifest.data["metrics"]["test"], Documents.read().baseline
    if options.json:
        print(json.dumps({"prototype": found, "baseline": baseline, "model": ours}, allow_nan=False))
    else:
        print(compare.table(ours, baseline, found))
    return 0


def changes(options: argparse.Namespace) -> int:
    """Print what changed between two models on the same images, from what `evaluate --out` wrote of each."""
    from ml.training.data.table import read_table
    from ml.training.evaluation import changes

    before, after = changes.read(options.before), changes.read(options.after)
    found = changes.changes(read_table(options.data), before, after)
    _write(options.out, found)
    print(json.dumps(found, allow_nan=False) if options.json else changes.table(found))
    return 0


def forecast(options: argparse.Namespace) -> int:
    """Train shortly without each source, and print the figures of each training on its source."""
    from ml.training.evaluation import left_out
    from ml.training.forecast import Job, forecast

    if (status := _weights_missing(options)) is not None:
        return status
    settings = FORECAST
    if options.steps:
        settings = replace(settings, copies=options.steps * settings.batch, sections=1)
    without = tuple(tuple(group.split(",")) for group in options.without)
    drawn = options.drawn or FORECAST_DRAWS
    found = forecast(Job(options.data, options.work, options.weights, settings, drawn, without))
    _write(options.out, found)
    print(json.dumps(found, allow_nan=False) if options.json else left_out.table(found))
    return 0


def card(options: argparse.Namespace) -> int:
    """Write the model card to a file or to standard output."""
    from ml.training.evaluation.card import card
    from ml.training.evaluation.documents import Documents

    text = card(read_manifest(options.model), Documents.read())
    if options.out is None:
        sys.stdout.write(text)
    else:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text, encoding="utf-8")
    return 0


def _write(out: Path | None, found: dict[str, Any]) -> None:
    """Write figures as JSON, if a file is named."""
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(found, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _weights_missing(options: argparse.Namespace) -> int | None:
    if options.weights == "imagenet" or Path(options.weights).is_file():
        return None
    print(f"brainscan: --weights {options.weights} is no file.", file=sys.stderr)
    return 2


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "train": train,
    "evaluate": evaluate,
    "fit-gate": fit_gate,
    "fit-series": fit_series,
    "evaluate-series": evaluate_series,
    "audit": audit,
    "export": export,
    "compare": compare,
    "changes": changes,
    "forecast": forecast,
    "card": card,
}
