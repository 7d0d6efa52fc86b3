"""The numbers that turn a series' pooled logit into a calibrated probability; they stand in the artifact's manifest.

`ml.training.calibration.series_fit` fits them on whole patients.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

METHOD = "log_mean_exp_of_neighbors"


@dataclass(frozen=True, slots=True)
class SeriesCalibration:
    """What turns the slices' logits into one probability.

    sharpness, above 0: of the log-mean-exp; near 0 it is the mean of the logits, at infinity their maximum.
    slope, above 0, and intercept: of the line through the pooled logit.
    threshold: lowest probability that counts as a tumor. uncertain: lowest and highest probability of the uncertain
    band. neighbors: weight (0 to 1) of each adjacent slice's logit beside the slice's own.
    Raises ValueError for a number out of its range.
    """

    sharpness: float
    slope: float
    intercept: float
    threshold: float
    uncertain: tuple[float, float]
    neighbors: float

    def __post_init__(self) -> None:
        numbers = (self.sharpness, self.slope, self.intercept, self.threshold, *self.uncertain)
        low, high = self.uncertain
        if not (np.isfinite(numbers).all() and self.sharpness > 0 and self.slope > 0):
            raise ValueError("the series' calibration needs a sharpness and a slope above 0")
        if not (0 < self.threshold < 1 and 0 <= low <= high <= 1):
            raise ValueError("the series' threshold and band must lie between 0 and 1")
        if not 0 <= self.neighbors <= 1:
            raise ValueError("a neighbor in a series counts 0 to 1 times as much as the slice")

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "SeriesCalibration":
        """Read a manifest's `series` entry. Raises KeyError, TypeError or ValueError if it cannot be used."""
        if data["method"] != METHOD:
            raise ValueError(f"unknown method for series: {data['method']!r}")
        low, high = data["uncertain"]
        sharpness, slope, intercept, threshold, neighbors = (
            float(data[name]) for name in ("sharpness", "slope", "intercept", "threshold", "neighbors")
        )
        return cls(sharpness, slope, intercept, threshold, (float(low), float(high)), neighbors)

    def probability(self, pooled: float) -> float:
        """Calibrated probability, 0 to 1, of a pooled logit."""
        return float(1 / (1 + np.exp(-np.clip(self.slope * pooled + self.intercept, -40, 40))))

    def is_uncertain(self, probability: float) -> bool:
        """Whether a calibrated probability lies in the uncertain band, its ends included."""
        low, high = self.uncertain
        return low < high and low <= probability <= high
