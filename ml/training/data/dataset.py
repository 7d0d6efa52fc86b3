"""Preprocessed squares and cell targets of rows, through the same reader and transform as serving."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from ml import readers
from ml.contracts import TUMOR_TYPES, UnreadableImage
from ml.preprocess import preprocess
from ml.training.data import targets
from ml.training.data.augment import augment
from ml.training.data.table import Row, TableError

UNKNOWN_TYPE = -1

Draw = tuple[Row, int]
"""A row and the round of its copy: 0 is the image itself, above 0 an augmented copy."""


def example(draw: Draw, *, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """The square (224, 224), 0 to 255, of a draw and the targets (14, 14) of its cells; see `targets.cells`.

    Raises ValueError for an augmented copy of a row outside the training split, TableError if a file cannot be read.
    """
    row, round_ = draw
    if round_ and row.split != "train":
        raise ValueError(f"{row.key} is in split {row.split}: only training images are augmented.")
    try:
        square, geometry = preprocess(readers.read(row.path))
        region = targets.region(row, geometry)
    except UnreadableImage as error:
        raise TableError(f"Column path: {row.key} cannot be read: {error.message}") from error
    except OSError as error:
        raise TableError(f"Column mask: the mask of {row.key} cannot be read: {error}") from error
    if round_:
        square, region = augment(square, region, seed=seed, round_=round_, key=row.key)
    return square, targets.cells(region)


def batches(
    draws: Sequence[Draw], *, size: int, seed: int = 0
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int8]]]:
    """Squares (n, 224, 224) and cells (n, 14, 14) of `draws`, in order. The next batch is read in the background."""

    def stack(part: Sequence[Draw]) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
        examples = [example(draw, seed=seed) for draw in part]
        return np.stack([square for square, _ in examples]), np.stack([cells for _, cells in examples])

    parts = [draws[start : start + size] for start in range(0, len(draws), size)]
    with ThreadPoolExecutor(1) as pool:
        coming: Future[tuple[NDArray[np.float32], NDArray[np.int8]]] | None = None
        for part in parts:
            following = pool.submit(stack, part)
            if coming is not None:
                yield coming.result()
            coming = following
        if coming is not None:
            yield coming.result()


def tumor_targets(rows: list[Row]) -> NDArray[np.int64]:
    """(N,) 1 for tumor, 0 for no tumor."""
    return np.array([row.tumor for row in rows], np.int64)


def type_targets(rows: list[Row]) -> NDArray[np.int64]:
    """(N,) index into TUMOR_TYPES, or UNKNOWN_TYPE."""
    return np.array([TUMOR_TYPES.index(row.type) if row.type else UNKNOWN_TYPE for row in rows], np.int64)
