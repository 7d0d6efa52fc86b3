"""Runs tuned weights, rounded as they ship, on the trunk's maps; the figures of a training's log."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ml.model.heads import CELLS, CHANNELS, EMBEDDING, TENSORS, HeadOutputs, Heads, describe
from ml.training import metrics
from ml.training.data.dataset import Draw, tumor_targets, type_targets
from ml.training.data.targets import POSITIVE
from ml.training.detector.features import Maps

Floats = NDArray[np.float32]
Tensors = dict[str, Floats]

BATCH = 32


class Reader:
    """The tuned blocks, and the heads in NumPy, over the trunk's maps.

    tensors: the tuned blocks and the heads; without an embedding, it reads as zeros. policy: Keras' dtype policy of the
    blocks. first_block: the first one that is not in the trunk.
    """

    def __init__(self, tensors: Tensors, *, policy: str = "float32", first_block: int = 4) -> None:
        from ml.model.keras_network import build_tail, precision

        rounded = {name: tensor.astype(np.float16).astype(np.float32) for name, tensor in tensors.items()}
        kernel, bias = TENSORS[-2:]
        rounded.setdefault(kernel, np.zeros((2 * CHANNELS, EMBEDDING), np.float32))
        rounded.setdefault(bias, np.zeros(EMBEDDING, np.float32))
        self._heads = Heads.from_tensors(rounded)
        with precision(policy):
            self._tail = build_tail(rounded, first_block)

    def passes(self, maps: Maps, indices: NDArray[np.int64] | None = None) -> Iterator[Floats]:
        """Maps of block 5 (n, 14, 14, 512) for the draws of `indices`, or all, in order and in batches."""
        chosen = np.arange(len(maps)) if indices is None else indices
        for start in range(0, len(chosen), BATCH):
            trunk = maps.take(chosen[start : start + BATCH])[0].astype(np.float32)
            yield np.asarray(self._tail(trunk, training=False), np.float32)

    def read(self, maps: Maps) -> HeadOutputs:
        """Readings of all draws."""
        parts = [self._heads.apply(block5) for block5 in self.passes(maps)]
        return HeadOutputs(*(np.concatenate([getattr(part, name) for part in parts]) for name in HeadOutputs.__slots__))

    def described(self, block5: Floats) -> Floats:
        """(n, 1024), what the embedding is made of; see `ml.model.heads.describe`."""
        cells = self._heads.apply(block5).cells.reshape(-1, CELLS * CELLS)
        return describe(block5.reshape(-1, CELLS * CELLS, CHANNELS), cells)


def figures(reading: HeadOutputs, maps: Maps, draws: list[Draw]) -> dict[str, float]:
    """AUROC, pooled and of each source and sequence with both classes; accuracy of known types; how often the hottest
    cell is on a tumor of known location."""
    rows = [row for row, _ in draws]
    tumor, types = tumor_targets(rows), type_targets(rows)
    logits = reading.logits.astype(np.float64)
    found = {"auroc": metrics.auroc(tumor, logits)}
    strata = np.array([f"{row.source} {row.sequence}".strip() for row in rows])
    for name in sorted(set(strata)):
        here = strata == name
        if 0 < tumor[here].sum() < here.sum():
            found[f"auroc {name}"] = metrics.auroc(tumor[here], logits[here])
    if (known := types >= 0).any():
        found["type accuracy"] = float(np.mean(reading.types[known].argmax(axis=1) == types[known]))
    cells = maps.cells
    if (marked := (cells == POSITIVE).any(axis=(1, 2))).any():
        hottest = reading.cells.reshape(len(rows), -1).argmax(axis=1)
        inside = cells.reshape(len(rows), -1)[np.arange(len(rows)), hottest] == POSITIVE
        found["hottest"] = float(np.mean(inside[marked]))
    return {name: round(float(value), 4) for name, value in found.items()}
