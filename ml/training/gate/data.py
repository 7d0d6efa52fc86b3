"""Collects what the gate is fitted to: brains, also perturbed, other images, and synthetic ones, as summaries."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from ml import readers
from ml.inference import pixel_checks
from ml.model.gate import summary
from ml.preprocess import SIZE, preprocess
from ml.training.data.augment import augment
from ml.training.data.dataset import Draw
from ml.training.data.table import NOT_BRAIN, Row, brain_rows
from ml.training.data.template import squares as squares_of_template
from ml.training.detector.features import Maps
from ml.training.gate import negatives, perturbations
from ml.training.gate.examples import GateExamples

Square = NDArray[np.float32]
Forward = Callable[[Square], NDArray[np.float32]]
"""From squares (N, 224, 224), 0 to 255, to the pooled maps of block 3 (N, 28, 28, 256)."""

PER_SOURCE = 60
"""Maximum number of images per source of brains; each is used as it is, augmented, and perturbed, five times in all."""
LEARNED = 200
"""Maximum number of copies per source that are added from those the detector learned from."""
TEMPLATE = 24
"""Slices of the average brain in each plane, each used five times."""
COPIES = 2
"""Augmented copies of every known image that is no brain; half of them are masked to the shape of a head."""
SYNTHETIC = 1500
"""Synthetic images."""
BATCH = 16


def category(row: Row) -> str:
    """The class of an image that is no brain: the part of its file name before `--`, else its source."""
    first, mark, _ = PurePosixPath(row.key).name.partition("--")
    return first if mark else row.source


def collect(
    forward: Forward,
    rows: list[Row],
    *,
    seed: int,
    synthetic: int = SYNTHETIC,
    per_source: int = PER_SOURCE,
    template: int = TEMPLATE,
) -> tuple[GateExamples, GateExamples, GateExamples]:
    """Brains of the training split, other images, and brains of the validation split, as `fit_gate` takes them.

    Other images are those of the training split, and synthetic ones. A synthetic image that the pixel checks refuse is
    left out, because the gate would never see it. A known one is kept, because similar ones may pass, and is marked.
    """
    chosen = _sample_per_source(brain_rows(rows, "train"), per_source, seed)
    squares = {row.key: _read(row)[0] for row in chosen}
    brains = _summarize(forward, chain(_brains(chosen, squares, seed), _template(template, seed)))
    others = [row for row in rows if row.label == NOT_BRAIN and row.split == "train"]
    not_brains = _summarize(forward, _others(others, list(squares.values())[::5], synthetic, seed))
    val = _summarize(
        forward,
        (
            (square, row.source, True, prefiltered)
            for row in brain_rows(rows, "val")
            for square, prefiltered in [_read(row)]
        ),
    )
    return brains, not_brains, val


def sample_copies(draws: Sequence[Draw], *, seed: int, per_source: int = LEARNED) -> list[int]:
    """Indices of a random sample of at most `per_source` of the detector's copies of each source."""
    rng = np.random.default_rng(seed)
    sources = np.array([row.source for row, _ in draws])
    own = [rng.permutation(np.flatnonzero(sources == source))[:per_source] for source in np.unique(sources)]
    return [int(i) for i in np.concatenate(own)]


def learned(maps: Maps, draws: Sequence[Draw], chosen: Sequence[int]) -> GateExamples:
    """The draws of these indices, from their maps; `maps` has those of all draws."""
    batches = [np.array(chosen[first : first + BATCH]) for first in range(0, len(chosen), BATCH)]
    summaries = np.concatenate([summary(maps.take(batch)[0].astype(np.float32)) for batch in batches])
    some = [draws[i] for i in chosen]
    original = np.array([round_ == 0 for _, round_ in some], bool)
    return GateExamples(summaries, tuple(row.source for row, _ in some), original, np.zeros(len(some), bool))


LabeledSquare = tuple[Square, str, bool, bool]
"""A square, its name, whether it is an original, and whether the pixel checks refuse it."""


def _brains(rows: list[Row], squares: dict[str, Square], seed: int) -> Iterator[LabeledSquare]:
    for number, row in enumerate(rows):
        square = squares[row.key]
        yield square, row.source, True, False
        yield _augmented(square, seed, 1, row.key), row.source, False, False
        rng = np.random.default_rng((seed, number))
        yield perturbations.placed(square, rng), row.source, False, False
        bare = perturbations.stripped(square, rng)
        yield (bare if number % 2 else _augmented(bare, seed, 2, row.key)), row.source, False, False
        yield perturbations.annotated(square, rng), row.source, False, False


def _template(per_plane: int, seed: int) -> Iterator[LabeledSquare]:
    """Never originals, so that no held-out figure counts a brain that every gate has seen."""
    if not per_plane:
        return
    for number, square in enumerate(squares_of_template(per_plane, seed=seed)):
        rng = np.random.default_rng((seed, 2, number))
        yield square, "template", False, False
        for copy in range(2):
            yield _augmented(square, seed, copy, f"template {number}"), "template", False, False
            yield perturbations.placed(square, rng), "template", False, False


def _others(rows: list[Row], brains: list[Square], synthetic: int, seed: int) -> Iterator[LabeledSquare]:
    number = 0
    for row in rows:
        square, prefiltered = _read(row)
        yield square, category(row), True, prefiltered
        for copy in range(COPIES):
            changed = _augmented(square, seed, copy + 1, row.key)
            if copy % 2:
                masked = negatives.in_a_head(changed, seed=seed, number=number)
                changed = preprocess(masked)[0]
            number += 1
            yield changed, category(row), False, False
    for number in range(synthetic):
        family, image = negatives.synthesize(number, seed=seed, brains=brains)
        if pixel_checks.check(image).accepted:
            yield preprocess(image)[0], family, True, False


def _summarize(forward: Forward, labeled: Iterable[LabeledSquare]) -> GateExamples:
    summaries, names, original, prefiltered = [], [], [], []
    batch: list[Square] = []
    for square, name, as_is, refused in labeled:
        batch.append(square)
        names.append(name)
        original.append(as_is)
        prefiltered.append(refused)
        if len(batch) == BATCH:
            summaries.append(summary(forward(np.stack(batch))))
            batch = []
    if batch:
        summaries.append(summary(forward(np.stack(batch))))
    return GateExamples(np.concatenate(summaries), tuple(names), np.array(original, bool), np.array(prefiltered, bool))


def _augmented(square: Square, seed: int, round_: int, key: str) -> Square:
    return augment(square, np.zeros((SIZE, SIZE), np.uint8), seed=seed, round_=round_, key=key)[0]


def _sample_per_source(rows: list[Row], most: int, seed: int) -> list[Row]:
    """A random sample of at most `most` images of each source, in the table's order."""
    rng = np.random.default_rng(seed)
    kept: set[str] = set()
    for source in sorted({row.source for row in rows}):
        own = [row.key for row in rows if row.source == source]
        kept.update(own[i] for i in rng.permutation(len(own))[:most])
    return [row for row in rows if row.key in kept]


def _read(row: Row) -> tuple[Square, bool]:
    image = readers.read(row.path)
    return preprocess(image)[0], not pixel_checks.check(image).accepted
