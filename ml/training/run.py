"""The whole way from a data table to an artifact with its test figures.

Every stage takes up what an earlier run left.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ml.heads import TENSORS, Heads
from ml.registry import load_model
from ml.training import evaluate, export, metrics
from ml.training.augment import RECIPE
from ml.training.dataset import tumor_targets
from ml.training.features import Extractor, base_weights, tensors_digest
from ml.training.fit import Examples, Fitted, fit
from ml.training.report import Scored, report
from ml.training.settings import NAME, Settings
from ml.training.sources import BASE_WEIGHTS, describe
from ml.training.splits import Row, brain_rows, check_trainable, counts, read_table

COMMAND = "make train DATA=folder"


@dataclass(frozen=True, slots=True)
class Job:
    """What `python -m ml train` was asked. data: table or its folder. weights: "imagenet" or a local Keras file."""

    data: Path
    out: Path
    work: Path
    weights: str
    settings: Settings
    name: str = NAME


def train(job: Job) -> dict[str, Any]:
    """Train, export, evaluate on the test split, write the figures into the manifest; returns the test figures."""
    rows = read_table(job.data)
    check_trainable(rows)
    run = learn(job, rows)
    run.save(job.work / "run")
    export.export(run, job.out, name=job.name)
    model = load_model(job.out, engine="tensorflow")
    summary, scored = evaluate.evaluate(model, rows, split="test")
    evaluate.write(summary, scored, job.work / "evaluation")
    export.record_test(job.out, summary)
    return summary


def learn(job: Job, rows: list[Row]) -> export.Run:
    """Features, heads, threshold and validation figures."""
    base = base_weights(job.weights)
    extractor = Extractor(base, cache=job.work / "features", seed=job.settings.seed)
    train_rows, val_rows = brain_rows(rows, "train"), brain_rows(rows, "val")
    val = Examples(extractor.features(val_rows, round_=0, name="val"), val_rows)
    copies = [extractor.features(train_rows, round_=n, name="train") for n in range(job.settings.rounds + 1)]
    fitted = fit(Examples(np.concatenate(copies), train_rows * len(copies)), val, settings=job.settings, work=job.work)
    _draw_losses(fitted, job.work)
    scored = score(fitted.tensors, val)
    threshold = round(metrics.best_threshold(tumor_targets(val.rows), scored.scores), 4)
    return export.Run(
        base=base,
        heads=fitted.tensors,
        threshold=threshold,
        training=_facts(job, rows, fitted, tensors_digest(base)),
        validation=report(scored, threshold=threshold),
    )


def score(tensors: dict[str, Any], examples: Examples) -> Scored:
    """What the heads, rounded as they ship, say of pooled features."""
    heads = Heads.from_tensors({name: tensors[name].astype(np.float16).astype(np.float32) for name in TENSORS})
    scores, types = heads.from_pooled(examples.features)
    return Scored(examples.rows, scores.astype(np.float64), types.astype(np.float64))


def _facts(job: Job, rows: list[Row], fitted: Fitted, base_digest: str) -> dict[str, Any]:
    used = brain_rows(rows)
    return {
        "command": COMMAND,
        "seed": job.settings.seed,
        "settings": job.settings.as_dict(),
        "augmentation": RECIPE.as_dict(),
        "epochs": {"run": len(fitted.history["loss"]), "taken": fitted.best_epoch},
        "base": {**BASE_WEIGHTS, "tensors_sha256": base_digest},
        "sources": {name: describe(name) for name in sorted({row.source for row in used})},
        "counts": counts(used),
        "groups": {split: len({row.group for row in brain_rows(rows, split)}) for split in ("train", "val", "test")},
        "split": "by group: a patient, or a cluster of near-duplicate pictures, stands in one split only",
    }


def _draw_losses(fitted: Fitted, work: Path) -> None:
    from ml.training import plots

    (work / "evaluation").mkdir(parents=True, exist_ok=True)
    plots.losses(fitted.history, fitted.best_epoch, work / "evaluation" / "losses.png")
