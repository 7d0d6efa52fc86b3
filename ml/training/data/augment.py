"""Augmentation of training images, so that no scanner, sequence or habit of a collection stands for the label.

It changes the preprocessed square together with the tumor's region, after the split and for training rows only. Every
change is drawn from (seed, round, row), so any copy can be made again without the others. Geometry is here; changes of
gray values are in `intensity`.
"""

import zlib
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from ml.preprocess import SIZE
from ml.training.data import intensity
from ml.training.data.intensity import Shades
from ml.training.data.targets import IGNORED

Square = NDArray[np.float32]
Region = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How strong each change is, and how often it happens. Shifts in fractions of the side, angles in degrees.

    zoom: smallest and largest; below 1 the head is small in its square, as after a failed crop. turn: fraction of
    copies turned by 90, 180 or 270 degrees. flip, upside_down: fractions mirrored left to right and top to bottom.
    """

    version: int = 3
    rotation: float = 20.0
    turn: float = 0.06
    flip: float = 0.5
    upside_down: float = 0.08
    zoom: tuple[float, float] = (0.75, 1.2)
    stretch: float = 0.1
    shear: float = 0.08
    shift: float = 0.07
    shades: Shades = field(default_factory=Shades)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


RECIPE = Recipe()


def augment(
    square: Square, region: Region, *, seed: int, round_: int, key: str, recipe: Recipe = RECIPE
) -> tuple[Square, Region]:
    """An augmented copy of a preprocessed square (224, 224), 0 to 255, and of its region; same shapes and ranges. Pure.

    key: the row's key, so that the draw does not depend on the order of rows.
    """
    rng = np.random.default_rng((seed, round_, zlib.crc32(key.encode())))
    moved, marked = _geometry(square, region, rng, recipe)
    unit, hidden = intensity.change(np.clip(moved / np.float32(255), 0.0, 1.0), marked, rng, recipe.shades)
    marked[hidden & (marked > 0)] = IGNORED
    return np.asarray(np.clip(unit * 255.0, 0.0, 255.0), np.float32), marked


def _geometry(square: Square, region: Region, rng: np.random.Generator, recipe: Recipe) -> tuple[Square, Region]:
    if rng.random() < recipe.flip:
        square, region = square[:, ::-1], region[:, ::-1]
    if rng.random() < recipe.upside_down:
        square, region = square[::-1], region[::-1]
    if rng.random() < recipe.turn:
        quarters = int(rng.integers(1, 4))
        square, region = np.rot90(square, quarters), np.rot90(region, quarters)
    matrix = _affine(rng, recipe)
    gray = Pillow.fromarray(np.ascontiguousarray(square)).transform(
        (SIZE, SIZE), Pillow.Transform.AFFINE, matrix, Pillow.Resampling.BILINEAR, fillcolor=0
    )
    marked = Pillow.fromarray(np.ascontiguousarray(region)).transform(
        (SIZE, SIZE), Pillow.Transform.AFFINE, matrix, Pillow.Resampling.NEAREST, fillcolor=0
    )
    return np.array(gray, np.float32), np.array(marked, np.uint8)


def _affine(rng: np.random.Generator, recipe: Recipe) -> tuple[float, ...]:
    """Pillow's six coefficients, which map a pixel of the new image to one of the old."""
    angle = np.deg2rad(rng.uniform(-recipe.rotation, recipe.rotation))
    scale = np.exp(rng.uniform(*np.log(recipe.zoom)))
    stretch = np.exp(rng.uniform(-recipe.stretch, recipe.stretch))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    skew = np.array([[1.0, rng.uniform(-recipe.shear, recipe.shear)], [0.0, 1.0]])
    back = turn @ skew @ np.diag([1 / (scale * stretch), stretch / scale])
    center = np.full(2, (SIZE - 1) / 2)
    offset = center - back @ (center + rng.uniform(-recipe.shift, recipe.shift, 2) * SIZE)
    return (back[0, 0], back[0, 1], offset[0], back[1, 0], back[1, 1], offset[1])
