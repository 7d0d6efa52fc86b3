"""Drops near-duplicates across splits, which a table's groups may miss: resized or sharpened copies from the web."""

from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml import readers
from ml.model import training_hashes
from ml.training.data.table import NOT_BRAIN, SPLITS, Row, brain_rows


def fingerprints(rows: list[Row]) -> tuple[list[Row], NDArray[np.uint8]]:
    """The brain images of the training and validation splits, in table order, and their hashes (N, 2, 32)."""
    known = [row for row in brain_rows(rows) if row.split in ("train", "val")]
    return known, _hashed(known)


def drop_near_duplicates(rows: list[Row]) -> list[Row]:
    """The rows without brain images that match one of a later split, in the same order.

    So no training image is in a split that judges, and no image that chose the threshold is in the test split.
    """
    brains = {split: brain_rows(rows, split) for split in SPLITS}
    prints = {split: _hashed(brains[split]) for split in SPLITS}
    copied: set[str] = set()
    for number, split in enumerate(SPLITS[:-1]):
        later = np.concatenate([prints[name] for name in SPLITS[number + 1 :]])
        matched = _matched(later, prints[split])
        copied.update(row.key for row, copy in zip(brains[split], matched, strict=True) if copy)
    return [row for row in rows if row.label == NOT_BRAIN or row.key not in copied]


def count_dropped(rows: list[Row], kept: list[Row]) -> dict[str, int]:
    """How many of `rows` are missing from `kept`, by split."""
    dropped = Counter(row.split for row in rows)
    dropped.subtract(Counter(row.split for row in kept))
    return {split: dropped[split] for split in SPLITS[:-1]}


def _hashed(rows: list[Row]) -> NDArray[np.uint8]:
    return np.array([_fingerprint(row.path) for row in rows], np.uint8).reshape(-1, 2, 32)


@cache  # a training asks twice, a forecast for each source it leaves out
def _fingerprint(file: Path) -> NDArray[np.uint8]:
    return training_hashes.fingerprint(readers.read(file))


def _matched(hashed: NDArray[np.uint8], others: NDArray[np.uint8]) -> list[bool]:
    """Which of `others` (M, 2, 32) match one of `hashed` (N, 2, 32)."""
    same = training_hashes.distances(hashed, others) <= training_hashes.MAX_DISTANCE
    return [bool(one.any()) for one in same]
