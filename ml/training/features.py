"""Pooled VGG16 features of clean and augmented training pictures, computed once and kept on disk.

The base is frozen, so its output for a picture never changes while the heads learn: the convolutions run once per copy
instead of once per epoch. Chunks are files of their own; a run that is stopped goes on at the chunk it was in.
"""

import hashlib
import json
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ml import preprocess
from ml.engines import Engine, load_engine
from ml.heads import pool
from ml.preprocess import to_network
from ml.training import dataset
from ml.training.augment import RECIPE
from ml.training.splits import Row

Tensors = dict[str, NDArray[np.float32]]

CHUNK = 256
BATCH = 16


def base_weights(weights: str | Path) -> Tensors:
    """The base's weights, "imagenet" or a local Keras file, rounded to float16 so that training sees what ships."""
    from ml.network import base_tensors, build_base

    tensors = base_tensors(build_base(weights))
    return {name: tensor.astype(np.float16).astype(np.float32) for name, tensor in tensors.items()}


def tensors_digest(tensors: Tensors) -> str:
    """Hex sha256 over names and values."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode() + np.ascontiguousarray(tensors[name]).tobytes())
    return digest.hexdigest()


class Extractor:
    """Computes and caches pooled features. The engine is built only if something is not in the cache."""

    def __init__(self, tensors: Tensors, *, cache: Path, seed: int) -> None:
        self._tensors = tensors
        self._digest = tensors_digest(tensors)
        self._cache = cache
        self._seed = seed
        self._engine: Engine | None = None

    def features(self, rows: list[Row], *, round_: int, name: str) -> NDArray[np.float32]:
        """Pooled features (N, 512) of `rows`. round_: 0 clean, above 0 that augmented copy. name: for the bar."""
        parts = [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
        label = f"{name}, " + (f"augmented copy {round_}" if round_ else "clean")
        bar: tqdm[NoReturn] = tqdm(total=len(rows), desc=label, unit="img", mininterval=2)
        with bar:
            return np.concatenate([self._chunk(part, round_, bar) for part in parts])

    def _chunk(self, rows: list[Row], round_: int, bar: "tqdm[NoReturn]") -> NDArray[np.float32]:
        file = self._cache / f"{self._key(rows, round_)}.npy"
        if file.exists():
            bar.update(len(rows))
            return np.asarray(np.load(file, allow_pickle=False), np.float32)
        pooled = []
        for squares in dataset.batches(rows, size=BATCH, seed=self._seed, round_=round_):
            pooled.append(pool(self._engine_forward(to_network(squares))))
            bar.update(len(squares))
        result = np.concatenate(pooled)
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(".part.npy")
        np.save(unfinished, result)
        unfinished.replace(file)
        return result

    def _engine_forward(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._engine is None:
            self._engine = load_engine("tensorflow", self._tensors)
        return self._engine.forward(batch)

    def _key(self, rows: list[Row], round_: int) -> str:
        """Everything a chunk's numbers depend on; file size and time stand for the picture's bytes."""
        files = [(row.key, row.path.stat().st_size, row.path.stat().st_mtime_ns) for row in rows]
        copy = {"seed": self._seed, "round": round_, "recipe": RECIPE.as_dict()} if round_ else None
        content = json.dumps([preprocess.VERSION, self._digest, copy, files])
        return hashlib.sha256(content.encode()).hexdigest()[:32]
