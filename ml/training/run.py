"""From a data table to an artifact with its figures. Every stage resumes where an earlier run stopped."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml.inference.registry import load_model
from ml.training import export
from ml.training.data import counterfactual
from ml.training.data.augment import RECIPE
from ml.training.data.dataset import Draw
from ml.training.data.near_duplicates import count_dropped, drop_near_duplicates
from ml.training.data.sampling import draws, synthetic_draws
from ml.training.data.sources import BASE_WEIGHTS, describe
from ml.training.data.table import NOT_BRAIN, Row, brain_rows, check_trainable, counts, read_table
from ml.training.detector.features import Extractor, base_weights, tensors_digest
from ml.training.detector.fit import Examples, Fitted, fit
from ml.training.evaluation import evaluate
from ml.training.fit_heads import fit_heads
from ml.training.settings import NAME, Settings

_log = logging.getLogger(__name__)

COMMAND = "make train DATA=folder"


@dataclass(frozen=True, slots=True)
class Job:
    """The arguments of `python -m ml train`. data: table or its folder. weights: "imagenet" or a local Keras file."""

    data: Path
    out: Path
    work: Path
    weights: str
    settings: Settings
    name: str = NAME


def train(job: Job) -> dict[str, Any]:
    """Train, export, evaluate on the validation and test splits, and record the figures. Returns those of the test."""
    rows = read_table(job.data)
    check_trainable(rows)
    kept = drop_near_duplicates(rows)
    dropped = count_dropped(rows, kept)
    _log.info("Dropped, as copies of images of a later split: %s", dropped)
    check_trainable(kept)
    run = learn(job, kept, dropped=dropped)
    run.save(job.work / "run")
    export.export(run, job.out, name=job.name)
    model = load_model(job.out, engine="tensorflow")
    for split in ("val", "test"):
        summary, scored = evaluate.evaluate(model, rows, split=split)
        evaluate.write(summary, scored, job.work / f"evaluation-{split}")
        export.record(job.out, summary)
    return summary


def learn(job: Job, rows: list[Row], *, dropped: dict[str, int]) -> export.Run:
    """Train on the training split and fit to the validation split. dropped: near-duplicates left out of `rows`, by
    split."""
    from ml.model.keras_network import fast_policy

    policy, settings = fast_policy(), job.settings
    base = base_weights(job.weights)
    extractor = Extractor(base, cache=job.work / "features", seed=settings.seed, policy=policy)
    drawn_from = brain_rows(rows, "train")
    train = draws(drawn_from, per_stratum=settings.per_stratum, seed=settings.seed)
    train += synthetic_draws(counterfactual.synthetic_rows(drawn_from, seed=settings.seed))
    val: list[Draw] = [(row, 0) for row in brain_rows(rows, "val")]
    learned = Examples(extractor.maps(train, name="train"), train)
    judged = Examples(extractor.maps(val, name="val"), val)
    fitted = fit(learned, judged, settings=settings, base=base, work=job.work, policy=policy)
    _draw_history(fitted, job.work)
    facts = _facts(job, rows, fitted, policy=policy, base_digest=tensors_digest(base), drawn=train)
    facts["copies_left_out"] = dropped
    return fit_heads(rows, base | fitted.tensors, learned, judged, extractor=extractor, seed=settings.seed, facts=facts)


def _facts(
    job: Job, rows: list[Row], fitted: Fitted, *, policy: str, base_digest: str, drawn: list[Draw]
) -> dict[str, Any]:
    used = brain_rows(rows)
    return {
        "command": COMMAND,
        "seed": job.settings.seed,
        "settings": job.settings.as_dict(),
        "augmentation": RECIPE.as_dict(),
        "copies": len(drawn),
        "made": sum(row.change is not None for row, _ in drawn),
        "precision": policy,
        "sections": fitted.history,
        "base": {**BASE_WEIGHTS, "tensors_sha256": base_digest},
        "sources": {name: describe(name) for name in sorted({row.source for row in rows})},
        "counts": counts(used),
        "not_brain": sum(row.label == NOT_BRAIN for row in rows),
        "groups": {split: len({row.group for row in brain_rows(rows, split)}) for split in ("train", "val", "test")},
        "split": "by group: a patient, or a cluster of near-duplicate pictures, stands in one split only",
    }


def _draw_history(fitted: Fitted, work: Path) -> None:
    from ml.training.evaluation import plots

    (work / "evaluation").mkdir(parents=True, exist_ok=True)
    plots.history(fitted.history, work / "evaluation" / "history.png")
