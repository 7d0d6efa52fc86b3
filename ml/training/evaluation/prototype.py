"""The recipe of the usual demos, rebuilt so that its figures can be measured twice: as it reports them, and honestly.

Frozen ImageNet VGG16, average pooling, one dense layer. Every image is augmented first, and then the copies are split
at random. So copies of one image, and slices of one patient, are on both sides, and the reported accuracy is memory.
Nothing here serves, and nothing that ships was made with it.
"""

import hashlib
import json
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageFilter
from tqdm import tqdm

from ml import preprocess, readers
from ml.contracts import UnreadableImage
from ml.engines import Engine, load_engine
from ml.model.heads import pool
from ml.preprocess import SIZE, to_network
from ml.training.data.table import Row, TableError
from ml.training.detector.features import base_weights, tensors_digest

Floats = NDArray[np.float32]
Square = NDArray[np.float32]

CHUNK = 256
BATCH = 16


@dataclass(frozen=True, slots=True)
class Recipe:
    """The numbers of the recipe. copies: added for each image. held: fraction split off at random.

    rotation in degrees; zoom, shift, gamma, contrast as fractions; blur in pixels; noise of 255.
    """

    seed: int = 20240
    copies: int = 2
    held: float = 0.2
    hidden: int = 256
    dropout: float = 0.5
    epochs: int = 60
    batch: int = 64
    learning_rate: float = 1e-3
    rotation: float = 15.0
    zoom: float = 0.12
    shift: float = 0.06
    gamma: float = 0.35
    contrast: float = 0.2
    blur: float = 1.2
    noise: float = 6.0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


RECIPE = Recipe()


def changed(square: Square, *, key: str, copy: int, recipe: Recipe = RECIPE) -> Square:
    """An augmented copy of a square (224, 224), 0 to 255: geometry, gamma, contrast, blur and noise.

    Drawn from the recipe's seed, the copy's number and the row's key.
    """
    rng = np.random.default_rng((recipe.seed, copy, zlib.crc32(key.encode())))
    angle = np.deg2rad(rng.uniform(-recipe.rotation, recipe.rotation))
    scale = rng.uniform(1 - recipe.zoom, 1 + recipe.zoom)
    across, down = rng.uniform(-recipe.shift, recipe.shift, 2) * SIZE
    if rng.random() < 0.5:
        square = square[:, ::-1]
    cos, sin, center = np.cos(angle) / scale, np.sin(angle) / scale, (SIZE - 1) / 2
    x, y = center + across, center + down  # Pillow maps new pixels to old ones
    matrix = (cos, sin, center - cos * x - sin * y, -sin, cos, center + sin * x - cos * y)
    image = Pillow.fromarray(np.ascontiguousarray(square))
    moved = image.transform((SIZE, SIZE), Pillow.Transform.AFFINE, matrix, Pillow.Resampling.BILINEAR, fillcolor=0)
    unit = np.clip(np.array(moved, np.float32) / 255, 0, 1) ** np.exp(rng.uniform(-recipe.gamma, recipe.gamma))
    unit = (unit - 0.5) * rng.uniform(1 - recipe.contrast, 1 + recipe.contrast) + 0.5
    sigma = rng.uniform(0, recipe.blur)
    if rng.random() < 0.5:
        flat = Pillow.fromarray(np.clip(unit.astype(np.float32) * 255, 0, 255).astype(np.uint8))
        unit = np.asarray(flat.filter(ImageFilter.GaussianBlur(sigma)), np.float32) / 255
    unit = unit + rng.normal(0, rng.uniform(0, recipe.noise) / 255, unit.shape)
    return np.asarray(np.clip(unit * 255, 0, 255), np.float32)


class Features:
    """Pooled features of the frozen network, computed once and kept in `cache`, a file for every 256 images."""

    def __init__(self, weights: str | Path, *, cache: Path) -> None:
        self._tensors = base_weights(weights)
        self._digest = tensors_digest(self._tensors)
        self._cache = cache
        self._engine: Engine | None = None

    def of(self, rows: list[Row], *, copy: int = 0) -> Floats:
        """(N, 512) of `rows`, in order. copy: 0 is the image itself, above 0 an augmented copy."""
        label = f"prototype, copy {copy}" if copy else "prototype"
        bar: tqdm[NoReturn] = tqdm(total=len(rows), desc=label, unit="img", mininterval=5)
        with bar:
            parts = [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
            return np.concatenate([self._chunk(part, copy, bar) for part in parts])

    def file(self, rows: list[Row], copy: int) -> Path:
        """The cache file of these images; its name is a hash of everything that the features depend on."""
        files = [(row.key, row.path.stat().st_size, row.path.stat().st_mtime_ns) for row in rows]
        content = json.dumps([preprocess.VERSION, self._digest, copy, RECIPE.as_dict() if copy else None, files])
        return self._cache / f"{hashlib.sha256(content.encode()).hexdigest()[:32]}.npy"

    def _chunk(self, rows: list[Row], copy: int, bar: "tqdm[NoReturn]") -> Floats:
        file = self.file(rows, copy)
        if file.exists():
            bar.update(len(rows))
            return np.asarray(np.load(file, allow_pickle=False), np.float32)
        pooled = []
        for start in range(0, len(rows), BATCH):
            squares = np.stack([_square(row, copy) for row in rows[start : start + BATCH]])
            pooled.append(pool(self._forward(to_network(squares))))
            bar.update(len(squares))
        result = np.concatenate(pooled)
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(".part.npy")
        np.save(unfinished, result)
        unfinished.replace(file)
        return result

    def _forward(self, batch: Floats) -> Floats:
        if self._engine is None:
            from ml.model.keras_network import fast_policy, precision

            with precision(fast_policy()):
                self._engine = load_engine("tensorflow", self._tensors)
        return self._engine.forward(batch).block5


def _square(row: Row, copy: int) -> Square:
    try:
        square, _ = preprocess.preprocess(readers.read(row.path))
    except UnreadableImage as error:
        raise TableError(f"Column path: {row.key} cannot be read: {error.message}") from error
    return changed(square, key=row.key, copy=copy) if copy else square


class DenseHead:
    """One hidden layer with dropout and a sigmoid, on pooled features, trained for a fixed number of epochs."""

    def __init__(self, features: Floats, truth: NDArray[np.int64], *, recipe: Recipe = RECIPE) -> None:
        import keras
        from keras import layers

        keras.utils.set_random_seed(recipe.seed)
        self._model = keras.Sequential(
            [
                keras.Input((features.shape[1],)),
                layers.Dense(recipe.hidden, activation="relu"),
                layers.Dropout(recipe.dropout),
                layers.Dense(1, activation="sigmoid"),
            ]
        )
        self._model.compile(optimizer=keras.optimizers.Adam(recipe.learning_rate), loss="binary_crossentropy")
        self._model.fit(
            features, truth.astype(np.float32), batch_size=recipe.batch, epochs=recipe.epochs, verbose=0, shuffle=True
        )

    def scores(self, features: Floats) -> NDArray[np.float64]:
        """(N,) what the demos show as the probability of a tumor."""
        probabilities = self._model.predict(features, batch_size=1024, verbose=0)
        return np.asarray(probabilities, np.float64)[:, 0]
