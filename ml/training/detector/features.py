"""Features of training images from the frozen trunk, computed once and cached on disk as float16.

Blocks 1 to 3 of VGG16, in a forecast 1 to 4, keep their ImageNet weights. The cache has a file for each chunk of
copies, so a run that stopped does not compute them again.
"""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml import preprocess
from ml.preprocess import to_network
from ml.training.data import dataset, targets
from ml.training.data.augment import RECIPE
from ml.training.data.dataset import Draw

Tensors = dict[str, NDArray[np.float32]]

Chunk = tuple[NDArray[np.float16], NDArray[np.int8]]

CHUNK = 256
BATCH = 16


def base_weights(weights: str | Path) -> Tensors:
    """The base's weights, "imagenet" or a local Keras file, rounded to float16 so that training uses what ships."""
    from ml.model.keras_network import base_tensors, build_base

    tensors = base_tensors(build_base(weights))
    return {name: tensor.astype(np.float16).astype(np.float32) for name, tensor in tensors.items()}


def tensors_digest(tensors: Tensors) -> str:
    """Hex SHA-256 over names and values."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode() + np.ascontiguousarray(tensors[name]).tobytes())
    return digest.hexdigest()


class Maps:
    """The trunk's maps, float16, and cells (14, 14) int8 of N draws, in chunks that are computed when first taken.

    A map is (28, 28, 256), or (14, 14, 512) if block 4 is part of the trunk. chunk: gives the maps and cells of chunk
    `number`; every chunk but the last has CHUNK draws. key: a hash of all that the numbers depend on.
    chosen: where the draws are in the chunks, if they are not all of them in order.
    """

    def __init__(
        self, length: int, chunk: Callable[[int], Chunk], *, key: str, chosen: NDArray[np.int64] | None = None
    ) -> None:
        self.key = key
        self._chunk = cache(chunk)
        self._chosen = np.arange(length) if chosen is None else chosen

    def __len__(self) -> int:
        return len(self._chosen)

    @property
    def cells(self) -> NDArray[np.int8]:
        """Cells (N, 14, 14) of all draws."""
        where = [divmod(i, CHUNK) for i in self._chosen.tolist()]
        return np.stack([self._chunk(number)[1][at] for number, at in where])

    def only(self, indices: NDArray[np.int64]) -> "Maps":
        """Maps of these draws alone, in this order."""
        return Maps(len(indices), self._chunk, key=self.key, chosen=self._chosen[indices])

    def take(self, indices: NDArray[np.int64]) -> Chunk:
        """Maps (n, …) and cells (n, 14, 14) of these draws, in this order."""
        where = [divmod(i, CHUNK) for i in self._chosen[indices].tolist()]
        maps = np.stack([self._chunk(number)[0][at] for number, at in where])
        return maps, np.stack([self._chunk(number)[1][at] for number, at in where])


class Extractor:
    """Computes and caches the trunk's maps. The trunk is built only if the cache lacks something.

    policy: Keras' dtype policy; see `ml.model.keras_network.precision`. first_block: the first one after the trunk.
    """

    def __init__(self, tensors: Tensors, *, cache: Path, seed: int, policy: str, first_block: int = 4) -> None:
        self._tensors = {name: tensor for name, tensor in tensors.items() if name < f"block{first_block}"}
        self._all = tensors
        self._first_block = first_block
        self._digest = tensors_digest(self._tensors)
        self._cache = cache
        self._seed = seed
        self._policy = policy
        self._trunk: Any = None

    def maps(self, draws: Sequence[Draw]) -> Maps:
        """Maps and cells of `draws`, in order."""
        return Maps(
            len(draws),
            lambda number: self._read(draws[number * CHUNK : (number + 1) * CHUNK]),
            key=f"{self._key(draws)}-{_marks(draws)}",
        )

    def forward(self, squares: NDArray[np.float32]) -> NDArray[np.float32]:
        """The trunk's maps (N, …) of squares (N, 224, 224), 0 to 255; not cached."""
        return self._forward(to_network(squares))

    def _read(self, draws: Sequence[Draw]) -> Chunk:
        key = self._key(draws)
        file, beside = self._cache / f"{key}.npy", self._cache / f"{key}-{_marks(draws)}.cells.npy"
        if not (file.exists() and beside.exists()):
            self._compute(draws, file, beside)
        return np.load(file, mmap_mode="r", allow_pickle=False), np.load(beside, allow_pickle=False)

    def _compute(self, draws: Sequence[Draw], file: Path, beside: Path) -> None:
        maps, cells = [], []
        for squares, targeted in dataset.batches(draws, size=BATCH, seed=self._seed):
            maps.append(np.asarray(self._forward(to_network(squares)), np.float16))
            cells.append(targeted)
        file.parent.mkdir(parents=True, exist_ok=True)
        for array, path in ((np.concatenate(cells), beside), (np.concatenate(maps), file)):
            unfinished = path.with_suffix(f".{os.getpid()}.part.npy")  # two trainings may share the cache
            np.save(unfinished, array)
            unfinished.replace(path)

    def _forward(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        import tensorflow as tf

        if self._trunk is None:
            from ml.model.keras_network import build_trunk, precision

            with precision(self._policy):
                trunk = build_trunk(self._all, self._first_block)
            self._trunk = tf.function(lambda x: tf.cast(trunk(x, training=False), tf.float32), reduce_retracing=True)
        return np.asarray(self._trunk(tf.constant(batch)))

    def _key(self, draws: Sequence[Draw]) -> str:
        """A hash of everything that the maps of these draws depend on."""
        files = [(row.key, round_, _content(row.path)) for row, round_ in draws]
        recipe = RECIPE.as_dict() if any(round_ for _, round_ in draws) else None
        return _digest([preprocess.VERSION, self._digest, self._policy, self._seed, recipe, files])[:32]


def _marks(draws: Sequence[Draw]) -> str:
    """A hash of the table's boxes and masks, on which cells also depend."""
    found = [(row.tumor, row.boxes, _content(row.mask) if row.mask else None) for row, _ in draws]
    return _digest([targets.VERSION, found])[:16]


def _content(file: Path) -> str:
    """A file's hash, not its modification time: a fresh copy of the data is the same data."""
    facts = file.stat()
    return _sha256(file, facts.st_size, facts.st_mtime_ns)


@cache
def _sha256(file: Path, size: int, changed: int) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _digest(content: list[Any]) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
