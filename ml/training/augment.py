"""Augmentation of training pictures: rotation, flip, zoom, shift, and intensity (gamma, contrast, blur, noise).

It works on the preprocessed square, after the split, and only training rows ever pass through it. Each picture's change
is drawn from (seed, round, row), so any copy can be made again without the others, in any order.
"""

import zlib
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageFilter

from ml.preprocess import SIZE

Square = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How far an augmented copy may stray. Shifts and zoom in fractions of the side, rotation in degrees.

    blur: largest Gaussian sigma in pixels of the square. noise: largest standard deviation, of 255.
    """

    version: int = 1
    rotation: float = 15.0
    flip: float = 0.5
    zoom: float = 0.12
    shift: float = 0.06
    gamma: float = 0.35
    contrast: float = 0.2
    blur: float = 1.2
    noise: float = 6.0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


RECIPE = Recipe()


def augment(square: Square, *, seed: int, round_: int, key: str, recipe: Recipe = RECIPE) -> Square:
    """One changed copy of a preprocessed square (224, 224), 0 to 255; same shape and range. Pure.

    key: names the row in the table, so that the draw does not depend on the order of rows.
    """
    rng = np.random.default_rng((seed, round_, zlib.crc32(key.encode())))
    return _intensity(_geometry(square, rng, recipe), rng, recipe)


def _geometry(square: Square, rng: np.random.Generator, recipe: Recipe) -> Square:
    angle = np.deg2rad(rng.uniform(-recipe.rotation, recipe.rotation))
    scale = rng.uniform(1 - recipe.zoom, 1 + recipe.zoom)
    shift = rng.uniform(-recipe.shift, recipe.shift, 2) * SIZE
    if rng.random() < recipe.flip:
        square = square[:, ::-1]
    cos, sin, center = np.cos(angle) / scale, np.sin(angle) / scale, (SIZE - 1) / 2
    # Pillow wants the way from the new picture's pixel to the old one's: undo the shift, then turn about the center.
    x, y = center + shift[0], center + shift[1]
    matrix = (cos, sin, center - cos * x - sin * y, -sin, cos, center + sin * x - cos * y)
    picture = Pillow.fromarray(np.ascontiguousarray(square))
    moved = picture.transform((SIZE, SIZE), Pillow.Transform.AFFINE, matrix, Pillow.Resampling.BILINEAR, fillcolor=0)
    return np.array(moved, np.float32)


def _intensity(square: Square, rng: np.random.Generator, recipe: Recipe) -> Square:
    unit = np.clip(square / 255.0, 0.0, 1.0)
    unit = unit ** np.exp(rng.uniform(-recipe.gamma, recipe.gamma))
    unit = (unit - 0.5) * rng.uniform(1 - recipe.contrast, 1 + recipe.contrast) + 0.5
    sigma = rng.uniform(0, recipe.blur)
    if rng.random() < 0.5:
        unit = _blur(unit.astype(np.float32), sigma)
    unit = unit + rng.normal(0, rng.uniform(0, recipe.noise) / 255.0, unit.shape)
    return np.asarray(np.clip(unit * 255.0, 0.0, 255.0), np.float32)


def _blur(unit: Square, sigma: float) -> Square:
    picture = Pillow.fromarray(np.clip(unit * 255.0, 0, 255).astype(np.uint8))  # Pillow blurs no float pictures
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(sigma)), np.float32) / 255.0
