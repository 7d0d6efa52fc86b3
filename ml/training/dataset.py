"""From rows of the table to preprocessed squares, through the same reader and transform that serving uses."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from ml import readers
from ml.contracts import TUMOR_TYPES, UnreadableImage
from ml.preprocess import preprocess
from ml.training.augment import augment
from ml.training.splits import Row, TableError

UNKNOWN_TYPE = -1


def square(row: Row, *, seed: int = 0, round_: int = 0) -> NDArray[np.float32]:
    """The row's square (224, 224), 0 to 255. round_ 0 is the clean picture; above 0 an augmented copy.

    Raises ValueError if a copy is asked of a row outside the training split, TableError if the picture cannot be read.
    """
    if round_ and row.split != "train":
        raise ValueError(f"{row.key} is in split {row.split}: only training pictures are augmented.")
    try:
        pixels, _ = preprocess(readers.read(row.path))
    except UnreadableImage as error:
        raise TableError(f"Column path: {row.key} cannot be read: {error.message}") from error
    return augment(pixels, seed=seed, round_=round_, key=row.key) if round_ else pixels


def batches(rows: list[Row], *, size: int, seed: int = 0, round_: int = 0) -> Iterator[NDArray[np.float32]]:
    """Squares (n, 224, 224) of `rows` in order, `size` at a time; the next batch is read while the last is used."""

    def stack(part: list[Row]) -> NDArray[np.float32]:
        return np.stack([square(row, seed=seed, round_=round_) for row in part])

    parts = [rows[start : start + size] for start in range(0, len(rows), size)]
    with ThreadPoolExecutor(1) as pool:
        coming: Future[NDArray[np.float32]] | None = None
        for part in parts:
            following = pool.submit(stack, part)
            if coming is not None:
                yield coming.result()
            coming = following
        if coming is not None:
            yield coming.result()


def tumor_targets(rows: list[Row]) -> NDArray[np.int64]:
    """(N,) 1 for tumor, 0 for none."""
    return np.array([row.tumor for row in rows], np.int64)


def type_targets(rows: list[Row]) -> NDArray[np.int64]:
    """(N,) index into TUMOR_TYPES, UNKNOWN_TYPE where the table names none."""
    return np.array([TUMOR_TYPES.index(row.type) if row.type else UNKNOWN_TYPE for row in rows], np.int64)
