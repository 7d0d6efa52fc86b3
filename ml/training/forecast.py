"""A forecast for new hospitals: a short training without some sources, judged on the images of these sources.

A whole training without a source (`train --without`) takes as long as that of the shipped model. Here blocks 1 to 4
keep ImageNet's weights, so one set of maps serves all trainings, and only block 5 and the heads learn. Beside them
stands a reference, trained in the same way on every source: it shows what the network loses in a new hospital.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ml.contracts import BrainscanError
from ml.model.heads import HeadOutputs
from ml.training import metrics
from ml.training.calibration.calibrate import Fit, calibrate
from ml.training.data.dataset import Draw, tumor_targets
from ml.training.data.held_out import hold_out
from ml.training.data.near_duplicates import drop_near_duplicates
from ml.training.data.sampling import draws
from ml.training.data.table import COLUMNS, SEQUENCE, Row, brain_rows, read_table
from ml.training.detector.features import Extractor, Tensors, base_weights
from ml.training.detector.fit import Examples, fit
from ml.training.detector.validate import Reader
from ml.training.evaluation import left_out
from ml.training.evaluation.left_out import Judged, Pair
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

    @property
    def command(self) -> str:
        groups = " ".join(",".join(group) for group in self.without)
        return f"python -m ml forecast {groups} --data folder --out docs/figures/left-out.json"


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What all trainings share: the table, and the maps of its drawn copies and of its validation images."""

    job: Job
    rows: list[Row]
    drawn: Examples
    val: Examples
    base: Tensors
    policy: str


@dataclass(frozen=True, slots=True)
class _Split:
    """The examples of a training without `group`. train: what it learns from. kept: which validation images (N) choose
    its curve and threshold. unseen: which of them (N) are judged. others: images of the training split that are judged.
    """

    group: tuple[str, ...]
    train: Examples
    kept: list[bool]
    unseen: list[bool]
    others: Examples


def forecast(job: Job) -> dict[str, Any]:
    """Figures as `left_out.collect` returns them. A finished training is not repeated by the next call.

    Raises BrainscanError: a source is named twice, has no image to judge, or leaves too few others. Raises TableError:
    a source has no brain image.
    """
    named = [source for group in job.without for source in group]
    if twice := sorted({source for source in named if named.count(source) > 1}):
        raise BrainscanError("left_out_twice", f"Named twice: {', '.join(twice)}.")
    rows = read_table(job.data, needed=(*COLUMNS, SEQUENCE))
    for group in job.without:
        hold_out(rows, *group)
    prepared = _prepare(job, rows)
    splits = [_split(prepared, group) for group in job.without]  # all, before the first training
    reference = _learn(prepared, prepared.drawn).read(prepared.val.maps)
    pairs = {source: pair for split in splits for source, pair in _pairs(prepared, split, reference).items()}
    schedule = _schedule(prepared, splits, reference)
    return left_out.collect(rows, pairs, command=job.command, schedule=schedule)


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


def _split(prepared: _Prepared, group: tuple[str, ...]) -> _Split:
    held = drop_near_duplicates(hold_out(prepared.rows, *group))
    known = {row.key for split in ("train", "val") for row in brain_rows(held, split)}
    drawn, val = prepared.drawn, [row for row, _ in prepared.val.draws]
    split = _Split(
        group,
        drawn.only([row.key in known for row, _ in drawn.draws]),
        [row.key in known for row in val],
        [row.source in group for row in val],
        drawn.only([row.source in group and round_ == 0 for row, round_ in drawn.draws]),
    )
    judged = {row.source for row, _ in split.others.draws} | {row.source for row in val}
    if missing := sorted(set(group) - judged):
        raise BrainscanError("nothing_left_out", f"No image of {', '.join(missing)} is validated on or drawn as it is.")
    remaining = [row for row, _ in split.train.draws], [row for row, keep in zip(val, split.kept, strict=True) if keep]
    if any(len({row.tumor for row in some}) < 2 for some in remaining):
        raise BrainscanError("too_few_others", f"Without {', '.join(group)}, not both classes are left to learn from.")
    return split


def _learn(prepared: _Prepared, train: Examples) -> Reader:
    settings, policy = prepared.job.settings, prepared.policy
    fitted = fit(train, prepared.val, settings=settings, start=prepared.base, work=prepared.job.work, policy=policy)
    return Reader(fitted.tensors, policy=policy, first_block=settings.first_block)


def _pairs(prepared: _Prepared, split: _Split, reference: HeadOutputs) -> dict[str, Pair]:
    """Of each source of a group, what the training without the group says of it, and what the reference says. The
    curves and thresholds of both are fitted to the same images, so only the networks differ."""
    _log.info("Without %s: %d copies to learn from", ", ".join(split.group), len(split.train.draws))
    val = [row for row, _ in prepared.val.draws]
    judged = [row for row, one in zip(val, split.unseen, strict=True) if one]
    reader = _learn(prepared, split.train)
    read = reader.read(prepared.val.maps)
    without, learned = (_curve(val, one, split.kept) for one in (read, reference))
    unseen = _judge(judged, read.logits[split.unseen], without)
    if split.others.draws:
        others = reader.read(split.others.maps)
        unseen |= _judge([row for row, _ in split.others.draws], others.logits, without)
    seen = _judge(judged, reference.logits[split.unseen], learned)
    return {source: Pair(Judged(unseen, without.threshold), Judged(seen, learned.threshold)) for source in split.group}


def _curve(val: list[Row], read: HeadOutputs, kept: list[bool]) -> Fit:
    rows = [row for row, keep in zip(val, kept, strict=True) if keep]
    return calibrate(rows, read.logits[kept], read.types[kept])


def _judge(rows: list[Row], logits: Any, curve: Fit) -> dict[str, float]:
    """Tumor probabilities of images, by their keys."""
    return {row.key: float(p) for row, p in zip(rows, curve.calibration.probability(logits), strict=True)}


def _schedule(prepared: _Prepared, splits: list[_Split], reference: HeadOutputs) -> str:
    """How the models were trained, in words."""
    settings, drawn = prepared.job.settings, prepared.job.drawn
    auroc = metrics.auroc(tumor_targets([row for row, _ in prepared.val.draws]), reference.logits.astype(np.float64))
    left = "; ".join(f"{len(one.train.draws):,} without {' and '.join(one.group)}" for one in splits)
    return (
        f"None of them is the shipped model: each was trained briefly, in the same way. The blocks before block "
        f"{settings.first_block} keep the weights of ImageNet, the others and the heads learn in "
        f"{settings.sections * settings.steps} steps of {settings.batch} images. The reference learned from {drawn:,} "
        "images and augmented copies of every source, and its AUROC on all validation images is "
        f"{auroc:.3f}. The others learned from those of the same copies that are left ({left}), in as many steps, so "
        "they saw each more often. On the same images, both lines have curve and threshold from the same validation "
        "images of other sources, and only the networks differ. Neither line says how good the shipped model is there. "
        "A source is judged on its validation images, and on those of its training images that were drawn as they are; "
        "no test image is used, and no gate stands before them."
    )
