"""How the slices of a series are pooled: into a logit for each slice, and one for the series.

A tumor extends through space: neighboring slices show it at the same location. Scattered false alarms do not repeat
like this. So each cell of the maps is first averaged with the same cell of the slices around it. How far that reaches
is a fraction of the head, not a number of slices, but never less than a slice's neighbors: 15 thick slices and 180 thin
ones have about the same result. A log-mean-exp then pools the slices. It lies between their mean, which drowns a small
tumor, and their maximum, which rises with the number of slices. A slice with a small section of the head (vertex, neck,
the ends of a coronal series) weighs less, because most false alarms are there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.model.heads import CELLS, SHARPNESS, smooth_maximum
from ml.model.series_calibration import CellPooling, NeighborPooling, Pooling

Floats = NDArray[np.float64]

_MIN_PROBABILITY = 1e-4  # probabilities are kept this far from 0 and 1, so that their logits stay finite
_LEVELS = 255  # of a stored map


@dataclass(frozen=True, slots=True)
class SliceOutcome:
    """What a series needs of one slice. Refused: no probabilities, but the gate's reason and message.

    heat: the evidence's map, 14 × 14 levels from 0 to 255, row by row. side: of the head's square, as a fraction of the
    image's width. Both None if unknown.
    """

    accepted: bool
    tumor_probability: float | None = None
    type_probabilities: dict[str, float] | None = None
    reason: str | None = None
    message: str | None = None
    heat: tuple[int, ...] | None = None
    side: float | None = None


@dataclass(frozen=True, slots=True)
class Pooled:
    """indices: of the accepted slices. strengths: (n,) logit of each, with its neighbors. logit: of the series."""

    indices: tuple[int, ...]
    strengths: Floats
    logit: float


def pool(slices: Sequence[SliceOutcome], pooling: Pooling) -> Pooled:
    """Pool the accepted slices of a series in viewing order; there must be at least one."""
    indices = tuple(index for index, one in enumerate(slices) if one.accepted and one.tumor_probability is not None)
    strengths, weights = strengths_and_weights(slices, indices, pooling)
    return Pooled(indices, strengths, log_mean_exp(strengths, pooling.sharpness, weights))


def strengths_and_weights(
    slices: Sequence[SliceOutcome], indices: Sequence[int], pooling: Pooling
) -> tuple[Floats, Floats]:
    """(n,) logit of each accepted slice with its neighbors, and (n,) its weight in the series."""
    chosen = [slices[index] for index in indices]
    if isinstance(pooling, NeighborPooling):
        return _with_neighbors(chosen, np.array(indices), pooling), np.ones(len(chosen))
    return _by_cell(chosen, np.array(indices), len(slices), pooling), head_sizes(chosen) ** pooling.size


def log_mean_exp(logits: Floats, sharpness: float, weights: Floats | None = None) -> float:
    """Log-mean-exp of logits (n,): near their mean for a small sharpness, near their maximum for a large one."""
    greatest = float(logits.max())
    mean = np.average(np.exp(sharpness * (logits - greatest)), weights=weights)
    return greatest + float(np.log(mean)) / sharpness


def head_sizes(slices: Sequence[SliceOutcome]) -> Floats:
    """(n,) the side of the head's square relative to the series' largest, 0 to 1; 1 where unknown."""
    sides = np.array([np.nan if one.side is None else one.side for one in slices], np.float64)
    if not (np.isfinite(sides).any() and np.nanmax(sides) > 0):
        return np.ones(len(slices))
    return np.nan_to_num(sides / np.nanmax(sides), nan=1.0)


def _with_neighbors(slices: Sequence[SliceOutcome], indices: NDArray[np.int64], pooling: NeighborPooling) -> Floats:
    logits = np.array([_logit(one.tumor_probability or 0.0) for one in slices])
    weights = np.where(np.abs(indices[:, None] - indices) == 1, pooling.neighbors, 0.0) + np.eye(len(indices))
    return np.asarray(weights @ logits / weights.sum(axis=1), np.float64)


def _by_cell(slices: Sequence[SliceOutcome], indices: NDArray[np.int64], count: int, pooling: CellPooling) -> Floats:
    """count: of all slices of the series, accepted or not."""
    maps = np.stack([_cell_logits(one) for one in slices])
    width = max(pooling.depth * count, pooling.least, 1e-6)
    weights = np.exp(-(((indices[:, None] - indices) / width) ** 2) / 2)
    averaged = weights / weights.sum(axis=1, keepdims=True) @ maps
    return smooth_maximum(averaged.astype(np.float32)).astype(np.float64)


def _cell_logits(one: SliceOutcome) -> Floats:
    """(196,) logits of the cells, as far as 256 levels tell them; without a map, the slice's logit all over."""
    if one.heat is None:
        count = CELLS * CELLS
        return np.full(count, _logit(one.tumor_probability or 0.0) - np.log(count) / SHARPNESS)
    levels = np.clip(np.array(one.heat, np.float64), 1, _LEVELS - 1)
    return np.log(levels / (_LEVELS - levels))


def _logit(probability: float) -> float:
    clipped = min(max(probability, _MIN_PROBABILITY), 1 - _MIN_PROBABILITY)
    return float(np.log(clipped / (1 - clipped)))
