"""Where the model sees tumor: peak and box in the original picture, and the map of it as pictures to look at.

The network says for each of its 14 × 14 cells how probable a tumor is there. `locate` finds the strongest place and the
region around it and carries both back to the stored file, crop, padding and EXIF orientation undone. The pictures are
drawn later, by whoever shows them, from the record alone: no network, no framework.
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
"""Least probability of the strongest cell for a box to be drawn. Below, that cell by itself would make a tumor less
likely than one in ten, and whatever speaks for one is spread over the picture: there is no localized evidence."""

REGION = 0.5
"""The box holds what is connected to the strongest cell at this share of its probability or more (half maximum)."""

_FINE = 8  # samples of a cell's side when the region is traced: an edge is found to 2 of the network's 224 pixels
_NEAR = 2.0  # cells; of equally strong cells the one with most evidence within about this distance is taken
_DIGITS = 5  # of a fraction: a tenth of a pixel in a picture of 10,000 pixels

Array = NDArray[np.float64]


def locate(
    cells: NDArray[np.floating], *, geometry: Geometry, level: float = LOCALIZED, region: float = REGION
) -> Evidence:
    """Find the evidence in a map and place it in the original picture.

    cells: (14, 14) calibrated tumor probabilities, 0 to 1, rows from above. What lies on padding counts as 0.
    level: probability of the strongest cell under which there is no box (None). region: share of that probability
    which still belongs to the box.

    The peak is the strongest cell, refined on each axis to the top of the parabola through it and its two neighbors;
    it lies in the picture and at most half a cell from that cell's center. Raises ValueError on any other map.
    """
    known = _on_picture(_checked(cells), geometry)
    row, column = _strongest(known)
    left, top, right, bottom = _crop(geometry)
    x = min(max((column + 0.5 + _shift(known[row], column)) / CELLS, left), right)
    y = min(max((row + 0.5 + _shift(known[:, column], row)) / CELLS, top), bottom)
    box = box_fraction = None
    if known[row, column] >= level:
        x0, y0, x1, y1 = _region(known, row, column, region * known[row, column])
        edges = (min(max(x0, left), x), min(max(y0, top), y), max(min(x1, right), x), max(min(y1, bottom), y))
        box = _box(geometry, edges)
        box_fraction = round(_fraction_within(known, edges), _DIGITS)
    return Evidence(
        peak=_point(geometry, x, y),
        box=box,
        box_fraction=box_fraction,
        heat=tuple(int(value) for value in (known * 255).round().ravel()),
        square=_square(geometry),
        orientation=geometry.orientation,
    )


def restore(stored: Mapping[str, Any] | None) -> Evidence | None:
    """The record that `Analysis.as_dict` wrote, after its way through JSON. None where it holds no map."""
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
    """The peak in fractions of the picture as it is shown, EXIF orientation applied."""
    return _upright(evidence.orientation, *evidence.peak)


def upright_box(evidence: Evidence) -> tuple[float, float, float, float] | None:
    """The box in fractions of the picture as it is shown, EXIF orientation applied."""
    if evidence.box is None:
        return None
    return _ordered(
        _upright(evidence.orientation, *evidence.box[:2]), _upright(evidence.orientation, *evidence.box[2:])
    )


def plane(evidence: Evidence, *, size: tuple[int, int]) -> NDArray[np.float32]:
    """The map over an upright picture of `size` (width, height), as (height, width) float32 from 0 to 1.

    0 outside the network's square. Raises ValueError if the record's map does not have 14 × 14 values.
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
    """What of the network's square is picture and not padding, in fractions of the square: left, top, right, bottom."""
    left, top = geometry.pad_x / geometry.side, geometry.pad_y / geometry.side
    far_x, far_y = geometry.from_upright(1.0, 1.0)
    return left, top, min(1 - left, far_x), min(1 - top, far_y)


def _on_picture(cells: Array, geometry: Geometry) -> Array:
    """The cells, with 0 where a cell lies on padding alone."""
    left, top, right, bottom = _crop(geometry)
    return np.asarray(cells * np.outer(_overlap(top, bottom) > 1e-9, _overlap(left, right) > 1e-9))


def _overlap(start: float, end: float) -> Array:
    """How much of each of the 14 cells of one axis lies between two fractions of it, (14,) from 0 to 1."""
    edges = np.arange(CELLS)
    return np.asarray(np.clip(np.minimum(end * CELLS, edges + 1) - np.maximum(start * CELLS, edges), 0.0, 1.0))


def _strongest(cells: Array) -> tuple[int, int]:
    """Row and column of the strongest cell; of several equal ones, the one in the midst of most evidence."""
    away = np.subtract.outer(np.arange(CELLS), np.arange(CELLS)) / _NEAR
    near = np.exp(-0.5 * away**2)
    around = np.where(cells >= cells.max() - 1e-9, near @ cells @ near, -1.0)
    row, column = np.unravel_index(int(around.argmax()), cells.shape)
    return int(row), int(column)


def _shift(line: Array, at: int) -> float:
    """How far from the center of cell `at`, in cells (-0.5 to 0.5), the top of a parabola through three cells lies."""
    if not 0 < at < CELLS - 1:
        return 0.0
    before, here, after = line[at - 1], line[at], line[at + 1]
    bend = 2 * here - before - after
    return min(max(float((after - before) / (2 * bend)), -0.5), 0.5) if bend > 1e-12 else 0.0


def _region(cells: Array, row: int, column: int, least: float) -> tuple[float, float, float, float]:
    """Extent, in fractions of the square, of what hangs together with a cell at `least` or more on the smooth map."""
    side, weights = CELLS * _FINE, _fine_weights()
    allowed = weights @ cells @ weights.T >= least
    framed = np.zeros((side + 2, side + 2), bool)
    found = framed[1:-1, 1:-1]
    center = slice(_FINE // 2 - 1, _FINE // 2 + 1)
    found[row * _FINE :, column * _FINE :][center, center] = True
    size = 0
    while size != (size := int(found.sum())):  # grows by one sample a round until it fills what is allowed
        found |= (framed[:-2, 1:-1] | framed[2:, 1:-1] | framed[1:-1, :-2] | framed[1:-1, 2:]) & allowed
    rows, columns = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
    x0, y0, x1, y1 = (int(edge) / side for edge in (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
    return x0, y0, x1, y1


def _fraction_within(cells: Array, edges: tuple[float, float, float, float]) -> float:
    x0, y0, x1, y1 = edges
    return min(float(_overlap(y0, y1) @ cells @ _overlap(x0, x1) / cells.sum()), 1.0)


@cache
def _fine_weights() -> Array:
    """Of the samples in which a region is traced."""
    return _weights((np.arange(CELLS * _FINE) + 0.5) / _FINE)


def _weights(positions: Array) -> Array:
    """Cubic interpolation along one axis: (n, 14) weights of the cells at n positions, counted in cells from the edge.

    Keys, "Cubic convolution interpolation for digital image processing", 1981 (a = -0.5): smooth, and exact at the
    cells' centers. Beyond the outermost centers the edge's value holds; beyond the square all weights are 0.
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
    """A box from two opposite corners, which turning and mirroring may have exchanged."""
    return min(one[0], other[0]), min(one[1], other[1]), max(one[0], other[0]), max(one[1], other[1])


def _square(geometry: Geometry) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = geometry.square()
    return round(x0, _DIGITS), round(y0, _DIGITS), round(x1, _DIGITS), round(y1, _DIGITS)


def _upright(orientation: int, x: float, y: float) -> tuple[float, float]:
    """From the stored picture to the upright one: the way back of 6 is that of 8, all others are their own."""
    back = {6: 8, 8: 6}.get(orientation, orientation)
    whole = Geometry(x0=0, y0=0, side=1, pad_x=0, pad_y=0, width=1, height=1, orientation=back)
    u, v = whole.to_original(x, y)
    return round(u, _DIGITS), round(v, _DIGITS)
