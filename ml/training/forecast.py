"""A forecast for new hospitals: a short training without each source, judged on the images of that source.

A whole training without a source (`train --without`) takes as long as that of the shipped model. Here blocks 1 to 4
keep ImageNet's weights, so one set of maps serves all trainings, and only block 5 and the heads learn. Beside them
stands a reference, trained in the same way on every source: the difference is what a new hospital costs.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ml.contracts import BrainscanError
from ml.training import metrics
from ml.training.calibration.calibrate import calibrate
from ml.training.data.dataset import Draw, tumor_targets
from ml.training.data.held_out import hold_out
from ml.training.data.near_duplicates import drop_near_duplicates
from ml.training.data.sampling import draws
from ml.training.data.table import COLUMNS, SEQUENCE, Row, brain_rows, read_table
from ml.training.detector.features import Extractor, Tensors, base_weights
from ml.training.detector.fit import Examples, fit
from ml.training.detector.validate import Reader
from ml.training.evaluation import left_out
from ml.training.evaluation.left_out import Results
from ml.training.settings import Settings

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """The arguments of `python -m ml forecast`. drawn: images and augmented copies that all trainings draw from.
    without: for each training, the sources that it leaves out together."""

    data: Path
    work: Path
    weights: str
    settings: Settings
    drawn: int
    without: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What all trainings share: the table, and the maps of its drawn copies and of its validation images."""

    job: Job
    rows: list[Row]
    drawn: Examples
    val: Examples
    base: Tensors
    policy: str


def forecast(job: Job) -> dict[str, Any]:
    """Figures as `left_out.collect` returns them. A finished training is not repeated by the next call.

    Raises BrainscanError: a source is named twice. Raises TableError: a source has no brain image.
    """
    named = [source for group in job.without for source in group]
    if twice := sorted({source for source in named if named.count(source) > 1}):
        raise BrainscanError("left_out_twice", f"Named twice: {', '.join(twice)}.")
    rows = read_table(job.data, needed=(*COLUMNS, SEQUENCE))
    for source in named:
        hold_out(rows, source)  # a wrong name is told before the first training, not after it
    prepared = _prepare(job, rows)
    reference = _results(prepared, prepared.drawn, prepared.val, prepared.val)
    left = [one for group in job.without for one in _without(prepared, group)]
    return left_out.collect(rows, left, reference=reference, schedule=_schedule(prepared, reference))


def _prepare(job: Job, rows: list[Row]) -> _Prepared:
    from ml.model.keras_network import fast_policy

    policy, settings = fast_policy(), job.settings
    kept = drop_near_duplicates(rows)
    drawn = draws(brain_rows(kept, "train"), copies=job.drawn, seed=settings.seed)
    val: list[Draw] = [(row, 0) for row in brain_rows(kept, "val")]
    base = base_weights(job.weights)
    cache, first = job.work / "features", settings.first_block
    extractor = Extractor(base, cache=cache, seed=settings.seed, policy=policy, first_block=first)
    return _Prepared(
        job, rows, Examples(extractor.maps(drawn), drawn), Examples(extractor.maps(val), val), base, policy
    )


def _without(prepared: _Prepared, group: Sequence[str]) -> list[Results]:
    """Of a training without a group of sources, for each of them: all its validation images, and those of its drawn
    images that are not augmented."""
    held = drop_near_duplicates(hold_out(prepared.rows, *group))
    known = {row.key for split in ("train", "val") for row in brain_rows(held, split)}
    train, val = (one.only([row.key in known for row, _ in one.draws]) for one in (prepared.drawn, prepared.val))
    unseen = [
        one.only([row.source in group and round_ == 0 for row, round_ in one.draws])
        for one in (prepared.drawn, prepared.val)
    ]
    _log.info("Without %s: %d of %d copies to learn from", ", ".join(group), len(train.draws), prepared.job.drawn)
    found = _results(prepared, train, val, *unseen)
    return [found | {"without": source} for source in group]


def _results(prepared: _Prepared, train: Examples, val: Examples, *judged: Examples) -> Results:
    """Train, take curve and threshold from `val`, and judge. Results as `changes.results` has them."""
    settings, policy = prepared.job.settings, prepared.policy
    fitted = fit(train, val, settings=settings, start=prepared.base, work=prepared.job.work, policy=policy)
    reader = Reader(fitted.tensors, policy=policy, first_block=settings.first_block)
    read = reader.read(val.maps)
    calibrated = calibrate([row for row, _ in val.draws], read.logits, read.types)
    probabilities: dict[str, float] = {}
    for one in judged:
        if one.draws:
            scores = calibrated.calibration.probability(reader.read(one.maps).logits)
            probabilities |= {row.key: float(score) for (row, _), score in zip(one.draws, scores, strict=True)}
    return {"model": "forecast", "threshold": calibrated.threshold, "without": None, "probabilities": probabilities}


def _schedule(prepared: _Prepared, reference: Results) -> str:
    settings, judged = prepared.job.settings, [row for row, _ in prepared.val.draws]
    together = [" and ".join(group) for group in prepared.job.without if len(group) > 1]
    scores = np.array([reference["probabilities"][row.key] for row in judged])
    text = (
        "These are not the shipped weights: each model is made by the same short training of its own. Blocks 1 to 4 "
        f"keep ImageNet's weights, block 5 and the heads learn in {settings.sections * settings.steps} steps of "
        f"{settings.batch} images, from {prepared.job.drawn:,} images and augmented copies, without those of the "
        "sources left out. The reference learned from every source: its AUROC on all validation images is "
        f"{metrics.auroc(tumor_targets(judged), scores):.3f}. The difference on the same images is what a new hospital "
        "costs; neither line says how good the shipped model is there. A source is judged on its validation images, "
        "and on those of its training images that were drawn as they are; no test image is used."
    )
    return text + (f" Left out together: {'; '.join(together)}." if together else "")
