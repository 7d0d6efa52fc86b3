"""What the gate learns from, as summaries: brains in many disguises, pictures of other kinds, and drawn ones."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageFilter

from ml import gate, readers
from ml.contracts import Image
from ml.gate_model import summary
from ml.preprocess import SIZE, preprocess
from ml.training import negatives
from ml.training.augment import augment
from ml.training.gate_fit import Pictures
from ml.training.splits import NOT_BRAIN, Row, brain_rows
from ml.training.template import squares as squares_of_template

Square = NDArray[np.float32]
Forward = Callable[[Square], NDArray[np.float32]]
"""From squares (N, 224, 224), 0 to 255, to block 3's pooled maps (N, 28, 28, 256)."""

PER_SOURCE = 300
"""Pictures of one source of brains at most; each is seen plain, augmented, displaced, and with its skull taken off."""
TEMPLATE = 60
"""Slices of the average brain in each plane, each seen five times."""
COPIES = 4
"""Augmented copies of every known picture that is no brain, of which half are seen through a head-shaped hole."""
DRAWN = 2000
"""Pictures drawn in code."""
BATCH = 16


def kind(row: Row) -> str:
    """What a picture that is no brain shows: the part of its file name before `--`, else its source."""
    first, mark, _ = PurePosixPath(row.key).name.partition("--")
    return first if mark else row.source


def collect(
    forward: Forward,
    rows: list[Row],
    *,
    seed: int,
    drawn: int = DRAWN,
    per_source: int = PER_SOURCE,
    template: int = TEMPLATE,
) -> tuple[Pictures, Pictures, Pictures]:
    """Brains of the training split, other pictures, and brains of the validation split, as `fit_gate` takes them.

    Other pictures are those of the training split alone. A drawn picture that the cheap checks refuse is left out: the
    gate never gets to see it. A known one is kept, since its likes may pass them, and marked as caught.
    """
    chosen = _even(brain_rows(rows, "train"), per_source, seed)
    squares = {row.key: _read(row)[0] for row in chosen}
    brains = _pictures(forward, chain(_brains(chosen, squares, seed), _template(template, seed)))
    others = [row for row in rows if row.label == NOT_BRAIN and row.split == "train"]
    made = _pictures(forward, _others(others, list(squares.values())[::5], drawn, seed))
    val = _pictures(
        forward,
        ((square, row.source, True, caught) for row in brain_rows(rows, "val") for square, caught in [_read(row)]),
    )
    return brains, made, val


def stripped(square: Square, rng: np.random.Generator) -> Square:
    """The square as if the skull had been taken off before: the head's rim is cut away and the rest fills the square.

    Then, mostly, as viewers and templates show such brains: windowed until bright tissue is white and fluid is black,
    and smoothed, as averages are.
    """
    head = square > 0.12 * 255
    outline = _between(head) & _between(head.T).T
    mask = Pillow.fromarray(outline.astype(np.uint8) * 255)
    for _ in range(int(rng.integers(8, 26))):
        mask = mask.filter(ImageFilter.MinFilter(3))
    soft = np.asarray(mask.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 2.0))), np.float32) / 255
    if soft.mean() < 0.05:  # nothing would be left
        return square
    bare = square * soft
    if rng.random() < 0.7:
        low, high = np.quantile(bare[soft > 0.5], (rng.uniform(0, 0.15), rng.uniform(0.6, 0.99)))
        if high - low > 10:  # nothing to spread in an even gray
            bare = (bare - low) / (high - low) * 255 * soft
    pixels = np.rint(np.clip(bare, 0, 255)).astype(np.uint8)
    if rng.random() < 0.4:
        pixels = np.asarray(Pillow.fromarray(pixels).filter(ImageFilter.MedianFilter(int(rng.choice([3, 5])))))
    return preprocess(Image(pixels=pixels, format="stripped", width=SIZE, height=SIZE))[0]


def placed(square: Square, rng: np.random.Generator) -> Square:
    """The square as a picture whose crop failed shows it: small or too large, off the middle, turned by any angle, in a
    frame, in front of noise, or black for white."""
    zoom = np.exp(rng.uniform(np.log(0.45), np.log(1.7)))
    angle = rng.uniform(-np.pi, np.pi) if rng.random() < 0.35 else 0.0
    back = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / zoom
    center = np.full(2, (SIZE - 1) / 2)
    offset = center - back @ (center + rng.uniform(-0.1, 0.1, 2) * SIZE)
    matrix = (back[0, 0], back[0, 1], offset[0], back[1, 0], back[1, 1], offset[1])
    moved = Pillow.fromarray(square).transform(
        (SIZE, SIZE), Pillow.Transform.AFFINE, matrix, Pillow.Resampling.BILINEAR
    )
    plane = np.array(moved, np.float32)
    if rng.random() < 0.4:
        sigma = rng.uniform(3, 20)
        plane = np.hypot(plane + sigma * rng.standard_normal(plane.shape), sigma * rng.standard_normal(plane.shape))
    if rng.random() < 0.12:
        plane = 255 - plane
    if rng.random() < 0.3:
        edge = int(rng.integers(2, 30))
        plane = np.pad(plane[edge:-edge, edge:-edge], edge, constant_values=float(rng.uniform(60, 255)))
    return np.asarray(np.clip(plane, 0, 255), np.float32)


Shown = tuple[Square, str, bool, bool]
"""A square, what it is, whether it is plain, and whether the cheap checks refuse it."""


def _brains(rows: list[Row], squares: dict[str, Square], seed: int) -> Iterator[Shown]:
    for number, row in enumerate(rows):
        square = squares[row.key]
        yield square, row.source, True, False
        yield _augmented(square, seed, 1, row.key), row.source, False, False
        rng = np.random.default_rng((seed, number))
        yield placed(square, rng), row.source, False, False
        bare = stripped(square, rng)
        yield (bare if number % 2 else _augmented(bare, seed, 2, row.key)), row.source, False, False


def _template(per_plane: int, seed: int) -> Iterator[Shown]:
    """Never plain: no held-out figure counts a brain that is always known."""
    if not per_plane:
        return
    for number, square in enumerate(squares_of_template(per_plane, seed=seed)):
        rng = np.random.default_rng((seed, 2, number))
        yield square, "template", False, False
        for copy in range(2):
            yield _augmented(square, seed, copy, f"template {number}"), "template", False, False
            yield placed(square, rng), "template", False, False


def _others(rows: list[Row], brains: list[Square], drawn: int, seed: int) -> Iterator[Shown]:
    number = 0
    for row in rows:
        square, caught = _read(row)
        yield square, kind(row), True, caught
        for copy in range(COPIES):
            changed = _augmented(square, seed, copy + 1, row.key)
            if copy % 2:
                masked = negatives.in_a_head(changed, seed=seed, number=number)
                changed = preprocess(masked)[0]
            number += 1
            yield changed, kind(row), False, False
    for number in range(drawn):
        family, image = negatives.draw(number, seed=seed, brains=brains)
        if gate.check(image).accepted:
            yield preprocess(image)[0], family, True, False


def _pictures(forward: Forward, shown: Iterable[Shown]) -> Pictures:
    summaries, names, plain, caught = [], [], [], []
    batch: list[Square] = []
    for square, name, as_is, refused in shown:
        batch.append(square)
        names.append(name)
        plain.append(as_is)
        caught.append(refused)
        if len(batch) == BATCH:
            summaries.append(summary(forward(np.stack(batch))))
            batch = []
    if batch:
        summaries.append(summary(forward(np.stack(batch))))
    return Pictures(np.concatenate(summaries), tuple(names), np.array(plain, bool), np.array(caught, bool))


def _augmented(square: Square, seed: int, round_: int, key: str) -> Square:
    return augment(square, np.zeros((SIZE, SIZE), np.uint8), seed=seed, round_=round_, key=key)[0]


def _even(rows: list[Row], most: int, seed: int) -> list[Row]:
    """At most `most` pictures of each source, drawn evenly, in the table's order."""
    rng = np.random.default_rng(seed)
    kept: set[str] = set()
    for source in sorted({row.source for row in rows}):
        own = [row.key for row in rows if row.source == source]
        kept.update(own[i] for i in rng.permutation(len(own))[:most])
    return [row for row in rows if row.key in kept]


def _read(row: Row) -> tuple[Square, bool]:
    image = readers.read(row.path)
    return preprocess(image)[0], not gate.check(image).accepted


def _between(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """In each row, everything from the first true pixel to the last."""
    forward = np.maximum.accumulate(mask, axis=1)
    backward = np.maximum.accumulate(mask[:, ::-1], axis=1)[:, ::-1]
    return forward & backward
