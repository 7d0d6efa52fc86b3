"""From a data table to an artifact with its figures. Every stage resumes where an earlier run stopped."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml.contracts import TUMOR_TYPES, BrainscanError
from ml.inference.registry import load_model, read_manifest, read_tensors
from ml.training import export
from ml.training.calibration import series_fit
from ml.training.data import appearance, series_table, shortcuts
from ml.training.data.augment import RECIPE
from ml.training.data.dataset import Draw
from ml.training.data.held_out import hold_out, other_series
from ml.training.data.near_duplicates import count_dropped, drop_near_duplicates
from ml.training.data.sampling import draws
from ml.training.data.sources import BASE_WEIGHTS, describe
from ml.training.data.table import COLUMNS, NOT_BRAIN, SEQUENCE, Row, brain_rows, check_trainable, counts, read_table
from ml.training.detector.features import Extractor, Tensors, base_weights, tensors_digest
from ml.training.detector.fit import Examples, Fitted, fit
from ml.training.evaluation import evaluate, series_report
from ml.training.fit_heads import fit_heads
from ml.training.settings import NAME, Settings

_log = logging.getLogger(__name__)

COMMAND = "make train DATA=folder"


@dataclass(frozen=True, slots=True)
class Job:
    """The arguments of `python -m ml train`. data: table or its folder. weights: "imagenet" or a local Keras file.
    init: artifact whose tuned blocks and heads are tuned further, or None to begin with `weights`. without: a source
    that is left out of training and judged instead of the test split, or ""."""

    data: Path
    out: Path
    work: Path
    weights: str
    settings: Settings
    name: str = NAME
    init: Path | None = None
    without: str = ""

    @property
    def command(self) -> str:
        """With names of files, but no folders of this machine."""
        table = "" if self.data.is_dir() else f"/{self.data.name}"
        weights = "" if self.weights == "imagenet" else f" WEIGHTS={Path(self.weights).name}"
        given = [f"--init artifacts/{self.init.name}"] if self.init else []
        given += [f"--without {self.without}"] if self.without else []
        return COMMAND + table + weights + (f' ARGS="{" ".join(given)}"' if given else "")


def train(job: Job) -> dict[str, Any]:
    """Train, export, evaluate on the validation and test splits, and record the figures. Returns those of the test."""
    rows = read_table(job.data, needed=(*COLUMNS, SEQUENCE))
    if job.without:
        rows = hold_out(rows, job.without)
    check_trainable(rows)
    kept = drop_near_duplicates(rows)
    dropped = count_dropped(rows, kept)
    _log.info("Dropped, as copies of images of a later split: %s", dropped)
    check_trainable(kept)
    run = learn(job, kept, dropped=dropped)
    run.save(job.work / "run")
    export.export(run, job.out, name=job.name)
    _series(job)
    model = load_model(job.out, engine="tensorflow")
    for split in ("val", "test"):
        summary, scored = evaluate.evaluate(model, rows, split=split)
        evaluate.write(summary, scored, job.work / f"evaluation-{split}")
        export.record(job.out, summary)
    return summary


def _series(job: Job) -> None:
    """Fit how whole series are judged, through the exported artifact, and record the figures of both splits; nothing if
    the data has no table of series. Those of a source that is left out are in neither."""
    folder = job.data if job.data.is_dir() else job.data.parent
    if not (folder / series_table.TABLE).is_file():
        _log.info("No %s beside the data table: the artifact judges single slices only.", series_table.TABLE)
        return
    splits = {name: other_series(series_table.split_series(folder, name), job.without) for name in ("val", "test")}
    model = load_model(job.out, engine="tensorflow")
    findings = {name: series_fit.read(model, series) for name, series in splits.items()}
    export.with_series(job.out, job.out, series_fit.fit(splits["val"], findings["val"]))
    calibration, threshold = read_manifest(job.out).series, model.manifest.threshold
    assert calibration is not None
    for name, series in splits.items():
        found = series_report.evaluate(calibration, series, findings[name], threshold=threshold)
        export.record_series(job.out, found, split=name)


def learn(job: Job, rows: list[Row], *, dropped: dict[str, int]) -> export.Run:
    """Train on the training split and fit to the validation split. dropped: near-duplicates left out of `rows`, by
    split."""
    from ml.model.keras_network import fast_policy

    policy, settings = fast_policy(), job.settings
    base = base_weights(job.weights)
    extractor = Extractor(base, cache=job.work / "features", seed=settings.seed, policy=policy)
    train = draws(brain_rows(rows, "train"), copies=settings.copies, seed=settings.seed)
    val: list[Draw] = [(row, 0) for row in brain_rows(rows, "val")]
    learned, judged = Examples(extractor.maps(train), train), Examples(extractor.maps(val), val)
    begun = _tuned(job.init)
    fitted = fit(learned, judged, settings=settings, start=base | begun, work=job.work, policy=policy)
    tuned = _mean(fitted.tensors, begun, settings.init_fraction)
    _draw_history(fitted, job.work)
    facts = _facts(job, rows, fitted, policy=policy, base_digest=tensors_digest(base), drawn=train)
    facts["copies_left_out"] = dropped
    return fit_heads(rows, base | tuned, learned, judged, extractor=extractor, seed=settings.seed, facts=facts)


def _tuned(artifact: Path | None) -> Tensors:
    """The tuned blocks and the heads of an artifact; nothing for None. Raises BrainscanError for other tumor types."""
    from ml.model.keras_network import TUNED
    from ml.training.detector.network import HEADS

    if artifact is None:
        return {}
    manifest = read_manifest(artifact)
    if manifest.data["types"] != list(TUMOR_TYPES):
        raise BrainscanError(
            "init_types", f"{manifest.label} tells other tumor types apart: it cannot be tuned further."
        )
    tensors = read_tensors(manifest)
    return {f"{name}/{part}": tensors[f"{name}/{part}"] for name in (*TUNED, *HEADS) for part in ("kernel", "bias")}


def _mean(fitted: Tensors, begun: Tensors, fraction: float) -> Tensors:
    """`fitted`, averaged with the weights it began with, if these had heads."""
    if not begun:
        return fitted
    return {name: (1 - fraction) * value + fraction * begun[name] for name, value in fitted.items()}


def _facts(
    job: Job, rows: list[Row], fitted: Fitted, *, policy: str, base_digest: str, drawn: list[Draw]
) -> dict[str, Any]:
    used, table, rows_drawn = brain_rows(rows), brain_rows(rows, "train"), [row for row, _ in drawn]
    measured = appearance.some(table), appearance.some(rows_drawn)
    return {
        "command": job.command,
        "without": job.without or None,
        "seed": job.settings.seed,
        "settings": job.settings.as_dict(),
        "augmentation": RECIPE.as_dict(),
        "init": None if job.init is None else read_manifest(job.init).label,
        "copies": len(drawn),
        "guessed": shortcuts.facts(table, rows_drawn) | shortcuts.facts(*measured, appearance.PROPERTIES),
        "precision": policy,
        "sections": fitted.history,
        "base": {**BASE_WEIGHTS, "tensors_sha256": base_digest},
        "sources": {name: describe(name) for name in sorted({row.source for row in rows})},
        "counts": counts(used),
        "not_brain": sum(row.label == NOT_BRAIN for row in rows),
        "groups": {split: len({row.group for row in brain_rows(rows, split)}) for split in ("train", "val", "test")},
        "split": "by group: a patient, or a cluster of near-duplicate images, is in one split only",
    }


def _draw_history(fitted: Fitted, work: Path) -> None:
    from ml.training.evaluation import plots

    (work / "evaluation").mkdir(parents=True, exist_ok=True)
    plots.history(fitted.history, work / "evaluation" / "history.png")
