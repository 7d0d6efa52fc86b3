"""The numbers that turn a series' slices into a calibrated probability; they are in the artifact's manifest.

`ml.inference.series_pooling` applies the pooling; `ml.training.calibration.series_fit` fits the numbers on whole
series.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.model.activations import sigmoid

BY_CELL = "cells_in_place"
OF_NEIGHBORS = "log_mean_exp_of_neighbors"


@dataclass(frozen=True, slots=True)
class NeighborPooling:
    """Pools the slices' logits alone; the method of the first artifacts.

    sharpness, above 0: of the log-mean-exp; near 0 it is the mean of the logits, at infinity their maximum.
    neighbors: weight (0 to 1) of each adjacent slice's logit beside the slice's own.
    """

    sharpness: float
    neighbors: float

    def __post_init__(self) -> None:
        _check_sharpness(self.sharpness)
        if not 0 <= self.neighbors <= 1:
            raise ValueError("a neighbor in a series counts 0 to 1 times as much as the slice")


@dataclass(frozen=True, slots=True)
class CellPooling:
    """Averages each cell of the slices' maps with the same cell of the slices around, and pools what remains.

    sharpness, above 0: as above. depth: standard deviation of the Gaussian along the series, as a fraction (0 to 0.2)
    of its slices, so that it does not depend on their thickness. size: a slice weighs as the size of the head in it,
    relative to the series' largest, to this power (0 to 8). least: the deviation's minimum in slices (0 to 2), without
    which a slice of a short series would have no neighbors; 0 in artifacts that do not name it.
    """

    sharpness: float
    depth: float
    size: float
    least: float = 0.0

    def __post_init__(self) -> None:
        _check_sharpness(self.sharpness)
        if not (0 <= self.depth <= 0.2 and 0 <= self.size <= 8 and 0 <= self.least <= 2):
            raise ValueError(
                "the depth of a series' pooling must lie between 0 and 0.2, its size between 0 and 8, and its least "
                "width between 0 and 2"
            )


Pooling = NeighborPooling | CellPooling


@dataclass(frozen=True, slots=True)
class SeriesCalibration:
    """What turns the slices' results into one probability.

    slope, above 0, and intercept: of the line through the pooled logit. threshold: lowest probability that counts as a
    tumor. uncertain: lowest and highest probability of the uncertain band.
    Raises ValueError for a number out of its range.
    """

    pooling: Pooling
    slope: float
    intercept: float
    threshold: float
    uncertain: tuple[float, float]

    def __post_init__(self) -> None:
        low, high = self.uncertain
        if not (np.isfinite((self.slope, self.intercept, self.threshold, low, high)).all() and self.slope > 0):
            raise ValueError("the series' calibration needs a slope above 0")
        if not (0 < self.threshold < 1 and 0 <= low <= high <= 1):
            raise ValueError("the series' threshold and band must lie between 0 and 1")

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "SeriesCalibration":
        """Read a manifest's `series` entry. Raises KeyError, TypeError or ValueError if it cannot be used."""
        low, high = data["uncertain"]
        slope, intercept, threshold = (float(data[name]) for name in ("slope", "intercept", "threshold"))
        return cls(_pooling(data), slope, intercept, threshold, (float(low), float(high)))

    def probability(self, pooled: float) -> float:
        """Calibrated probability, 0 to 1, of a pooled logit."""
        return float(sigmoid(self.slope * pooled + self.intercept))

    def is_uncertain(self, probability: float) -> bool:
        """Whether a calibrated probability lies in the uncertain band, its ends included."""
        low, high = self.uncertain
        return low < high and low <= probability <= high


def _pooling(data: dict[str, Any]) -> Pooling:
    sharpness = float(data["sharpness"])
    if data["method"] == BY_CELL:
        return CellPooling(sharpness, float(data["depth"]), float(data["size"]), float(data.get("least", 0)))
    if data["method"] == OF_NEIGHBORS:
        return NeighborPooling(sharpness, float(data["neighbors"]))
    raise ValueError(f"unknown method for series: {data['method']!r}")


def _check_sharpness(sharpness: float) -> None:
    if not (np.isfinite(sharpness) and sharpness > 0):
        raise ValueError("the series' calibration needs a sharpness above 0")
