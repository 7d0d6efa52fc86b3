"""Where the model sees tumor: peak and box in the original image, and the evidence map over it.

The network gives a tumor probability for each of 14 × 14 cells. `locate` finds the middle of the strong cells and the
region around it, and maps both back to the stored file, undoing crop, padding and EXIF orientation. Heat maps are drawn
later (`ml.evidence.drawing`) from the stored record alone, without the network.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.contracts import Evidence
from ml.model.heads import CELLS
from ml.preprocess import Geometry

LOCALIZED = 0.1
"""Smallest probability of the strongest cell at which there is a box. Below, even the strongest cell makes a tumor less
likely than one in ten; whatever evidence there is, is spread over the image and not localized."""

REGION = 0.5
"""The box covers what is connected to the peak at this fraction of the strongest cell's probability or more (half
maximum)."""

NEIGHBOR_SIGMA = 1.0
"""Cells: evidence counts for the peak with a Gaussian of this width. A tumor is larger than the cell that happens to be
strongest: with the peak in that cell itself, it lies on the tumor in 0.859 of the validation split's tumors of known
location, with this width in 0.879, and with 0.85 to 1.4 in as many."""

_FINE = 8  # samples per side of a cell when a region is traced, so edges are exact to 2 of the network's 224 pixels
_DIGITS = 5  # decimals of a fraction: a tenth of a pixel in 10,000

Array = NDArray[np.float64]


def locate(
    cells: NDArray[np.floating], *, geometry: Geometry, level: float = LOCALIZED, region: float = REGION
) -> Evidence:
    """Find the evidence in a map and place it in the original image.

    cells: (14, 14) calibrated tumor probabilities, 0 to 1, rows from the top. Cells on padding count as 0.
    level: smallest probability of the strongest cell at which there is a box. region: fraction of that probability at
    which a place still belongs to the box, and at which a cell may hold the peak.

    The peak is the cell with most evidence in and around it (`NEIGHBOR_SIGMA`), refined on each axis to the vertex
    of the parabola through the evidence there and beside it. It lies within the image and at most half a cell from
    that cell's center. Raises ValueError for another shape or for values outside 0 to 1.
    """
    probabilities = _without_padding(_checked(cells), geometry)
    strongest, around = probabilities.max(), _around(probabilities)
    row, column = _peak(np.where(probabilities >= region * strongest, around, -1.0))
    left, top, right, bottom = _crop(geometry)
    x = min(max((column + 0.5 + _shift(around[row], column)) / CELLS, left), right)
    y = min(max((row + 0.5 + _shift(around[:, column], row)) / CELLS, top), bottom)
    box = box_fraction = None
    if strongest >= level:
        x0, y0, x1, y1 = _region(probabilities, row, column, region * strongest)
        edges = (min(max(x0, left), x), min(max(y0, top), y), max(min(x1, right), x), max(min(y1, bottom), y))
        box = _box(geometry, edges)
        box_fraction = round(_fraction_within(probabilities, edges), _DIGITS)
    return Evidence(
        peak=_point(geometry, x, y),
        box=box,
        box_fraction=box_fraction,
        heat=tuple(int(value) for value in (probabilities * 255).round().ravel()),
        square=_square(geometry),
        orientation=geometry.orientation,
    )


def restore(stored: Mapping[str, Any] | None) -> Evidence | None:
    """Read evidence back from the JSON that `Analysis.as_dict` gives. None if it has no map."""
    if not stored or not stored.get("heat"):
        return None
    box, (px, py), (x0, y0, x1, y1) = stored.get("box"), stored["peak"], stored["square"]
    return Evidence(
        peak=(px, py),
        box=(box[0], box[1], box[2], box[3]) if box else None,
        box_fraction=stored.get("share"),
        heat=tuple(stored["heat"]),
        square=(x0, y0, x1, y1),
        orientation=stored["orientation"],
    )


def upright_peak(evidence: Evidence) -> tuple[float, float]:
    """The peak in fractions of the upright image."""
    return _upright(evidence.orientation, *evidence.peak)


def upright_box(evidence: Evidence) -> tuple[float, float, float, float] | None:
    """The box (x0, y0, x1, y1) in fractions of the upright image."""
    if evidence.box is None:
        return None
    return _ordered(
        _upright(evidence.orientation, *evidence.box[:2]), _upright(evidence.orientation, *evidence.box[2:])
    )


def plane(evidence: Evidence, *, size: tuple[int, int]) -> NDArray[np.float32]:
    """The map interpolated over an upright image of `size` (width, height), as (height, width) float32 from 0 to 1.

    0 outside the network's square. Raises ValueError if the map does not have 14 × 14 values.
    """
    width, height = size
    x0, y0, x1, y1 = evidence.square
    cells = np.asarray(evidence.heat, np.float64).reshape(CELLS, CELLS) / 255
    across = ((np.arange(width) + 0.5) / width - x0) / (x1 - x0) * CELLS
    down = ((np.arange(height) + 0.5) / height - y0) / (y1 - y0) * CELLS
    drawn = (_weights(down) @ cells).astype(np.float32) @ _weights(across).T.astype(np.float32)
    return np.asarray(np.clip(drawn, 0.0, 1.0, out=drawn))


def _checked(cells: NDArray[np.floating]) -> Array:
    values = np.asarray(cells, np.float64)
    if values.shape != (CELLS, CELLS):
        raise ValueError(f"a map has {CELLS} × {CELLS} cells, not {values.shape}")
    if not ((values >= 0) & (values <= 1)).all():  # NaN is neither
        raise ValueError("the cells' probabilities must lie between 0 and 1")
    return values


def _crop(geometry: Geometry) -> tuple[float, float, float, float]:
    """The part of the network's square that is not padding, in fractions of it: left, top, right, bottom."""
    left, top = geometry.pad_x / geometry.side, geometry.pad_y / geometry.side
    far_x, far_y = geometry.from_upright(1.0, 1.0)
    return left, top, min(1 - left, far_x), min(1 - top, far_y)


def _without_padding(cells: Array, geometry: Geometry) -> Array:
    """The cells, with 0 for those that lie on padding only."""
    left, top, right, bottom = _crop(geometry)
    return np.asarray(cells * np.outer(_overlap(top, bottom) > 1e-9, _overlap(left, right) > 1e-9))


def _overlap(start: float, end: float) -> Array:
    """How much of each cell along one axis lies between two fractions of that axis, as (14,) from 0 to 1."""
    edges = np.arange(CELLS)
    return np.asarray(np.clip(np.minimum(end * CELLS, edges + 1) - np.maximum(start * CELLS, edges), 0.0, 1.0))


def _around(cells: Array) -> Array:
    """For each cell, the sum over all cells of their probability times a Gaussian of their distance."""
    distance = np.subtract.outer(np.arange(CELLS), np.arange(CELLS)) / NEIGHBOR_SIGMA
    near = np.exp(-0.5 * distance**2)
    return np.asarray(near @ cells @ near)


def _peak(evidence: Array) -> tuple[int, int]:
    row, column = np.unravel_index(int(evidence.argmax()), evidence.shape)
    return int(row), int(column)


def _shift(line: Array, at: int) -> float:
    """Offset, -0.5 to 0.5 cells, from the center of cell `at` to the vertex of the parabola through three cells."""
    if not 0 < at < CELLS - 1:
        return 0.0
    before, here, after = line[at - 1], line[at], line[at + 1]
    bend = 2 * here - before - after
    return min(max(float((after - before) / (2 * bend)), -0.5), 0.5) if bend > 1e-12 else 0.0


def _region(cells: Array, row: int, column: int, least: float) -> tuple[float, float, float, float]:
    """Bounds, in fractions of the square, of what is connected to a cell at `least` or more on the interpolated map."""
    side, weights = CELLS * _FINE, _fine_weights()
    allowed = weights @ cells @ weights.T >= least
    framed = np.zeros((side + 2, side + 2), bool)
    found = framed[1:-1, 1:-1]
    center = slice(_FINE // 2 - 1, _FINE // 2 + 1)
    found[row * _FINE :, column * _FINE :][center, center] = True
    size = 0
    while size != (size := int(found.sum())):  # flood fill: grows by one sample per round
        found |= (framed[:-2, 1:-1] | framed[2:, 1:-1] | framed[1:-1, :-2] | framed[1:-1, 2:]) & allowed
    rows, columns = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
    x0, y0, x1, y1 = (int(edge) / side for edge in (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
    return x0, y0, x1, y1


def _fraction_within(cells: Array, edges: tuple[float, float, float, float]) -> float:
    x0, y0, x1, y1 = edges
    return min(float(_overlap(y0, y1) @ cells @ _overlap(x0, x1) / cells.sum()), 1.0)


@cache
def _fine_weights() -> Array:
    """Interpolation weights at the samples in which a region is traced."""
    return _weights((np.arange(CELLS * _FINE) + 0.5) / _FINE)


def _weights(positions: Array) -> Array:
    """Weights (n, 14) of the cells for cubic interpolation at n positions along one axis, in cells from its edge.

    Keys, "Cubic convolution interpolation for digital image processing", 1981 (a = -0.5): smooth, and exact at the
    cells' centers. Beyond the outermost centers the edge cell's value continues; beyond the square all weights are 0.
    """
    first = np.floor(positions - 0.5).astype(int)
    weights = np.zeros((len(positions), CELLS))
    for step in (-1, 0, 1, 2):
        distance = np.abs(positions - 0.5 - first - step)
        near = (1.5 * distance - 2.5) * distance**2 + 1
        far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
        cell = np.clip(first + step, 0, CELLS - 1)
        np.add.at(weights, (np.arange(len(positions)), cell), np.where(distance <= 1, near, far))
    weights[(positions < 0) | (positions > CELLS)] = 0
    return weights


def _point(geometry: Geometry, x: float, y: float) -> tuple[float, float]:
    u, v = geometry.to_original(x, y)
    return round(float(u), _DIGITS), round(float(v), _DIGITS)


def _box(geometry: Geometry, edges: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    return _ordered(_point(geometry, *edges[:2]), _point(geometry, *edges[2:]))


def _ordered(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float, float, float]:
    """A box from two opposite corners, in any order: rotating and mirroring may swap them."""
    return min(one[0], other[0]), min(one[1], other[1]), max(one[0], other[0]), max(one[1], other[1])


def _square(geometry: Geometry) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = geometry.square()
    return round(x0, _DIGITS), round(y0, _DIGITS), round(x1, _DIGITS), round(y1, _DIGITS)


def _upright(orientation: int, x: float, y: float) -> tuple[float, float]:
    """Map a point from the stored to the upright image. Orientations 6 and 8 undo each other, the others themselves."""
    inverse = {6: 8, 8: 6}.get(orientation, orientation)
    whole = Geometry(x0=0, y0=0, side=1, pad_x=0, pad_y=0, width=1, height=1, orientation=inverse)
    u, v = whole.to_original(x, y)
    return round(u, _DIGITS), round(v, _DIGITS)
