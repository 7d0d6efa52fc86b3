"""From logits to probabilities that mean what they say, and where the model had better say that it is unsure.

A network's own scores are too sure of themselves (Guo et al. 2017, "On Calibration of Modern Neural Networks"). The
picture's logit is put through a line before the sigmoid (Platt 1999), between two lapses: shares of pictures that are
tumor, or none, however clearly the network says otherwise. The types' logits are divided by a temperature. The numbers
are fitted on the validation split (`ml.training.calibration.calibrate`) and stand in the artifact's manifest.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.model.activations import softmax

METHOD = "platt_lapses"

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Calibration:
    """What turns logits into probabilities.

    slope, above 0, and intercept: of the line through the tumor logit. type_temperature: above 0. uncertain: the lowest
    and the highest calibrated probability, 0 <= low <= high <= 1, between which a result is called uncertain. lapses:
    how far probabilities stay away from 0 and from 1, both at least 0 and together below 1.
    Raises ValueError where a number is not finite or out of its range.
    """

    slope: float = 1.0
    intercept: float = 0.0
    type_temperature: float = 1.0
    uncertain: tuple[float, float] = (0.5, 0.5)
    lapses: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        low, high = self.uncertain
        if not all(map(math.isfinite, (self.slope, self.intercept, self.type_temperature, low, high, *self.lapses))):
            raise ValueError("a number of the calibration is not finite")
        if self.slope <= 0:
            raise ValueError(f"the calibration's slope is {self.slope}; it must be above 0, or the order would turn")
        if self.type_temperature <= 0:
            raise ValueError(f"the calibration's type temperature is {self.type_temperature}; it must be above 0")
        if not 0 <= low <= high <= 1:
            raise ValueError(f"the uncertain band {low} to {high} is no range of probabilities")
        if min(self.lapses) < 0 or sum(self.lapses) >= 1:
            raise ValueError(f"the calibration's lapses {self.lapses} leave no room for a probability")

    @classmethod
    def from_manifest(cls, entry: Mapping[str, Any]) -> "Calibration":
        """Read a manifest's `calibration` entry; keys that only inform are ignored.

        Raises KeyError, TypeError or ValueError: a key is absent, a value is no number or not valid, another method.
        """
        if entry["method"] != METHOD:
            raise ValueError(f"calibration method {entry['method']!r} is not {METHOD!r}")
        low, high = entry["uncertain"]
        below, above = entry["lapses"]
        return cls(
            slope=float(entry["slope"]),
            intercept=float(entry["intercept"]),
            type_temperature=float(entry["type_temperature"]),
            uncertain=(float(low), float(high)),
            lapses=(float(below), float(above)),
        )

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready; `from_manifest` gives back an equal calibration."""
        return {
            "method": METHOD,
            "slope": self.slope,
            "intercept": self.intercept,
            "type_temperature": self.type_temperature,
            "uncertain": list(self.uncertain),
            "lapses": list(self.lapses),
        }

    def probability(self, logits: NDArray[Any]) -> Array:
        """Tumor probability, 0 to 1, of the logits of pictures, in any shape."""
        below, above = self.lapses
        return np.asarray(below + (1 - below - above) * self._on_line(logits), np.float32)

    def cells(self, logits: NDArray[Any]) -> Array:
        """Tumor probability, 0 to 1, of the cells of maps. Lapses are a picture's: spread over all cells of a map, they
        would be evidence where there is none."""
        return np.asarray(self._on_line(logits), np.float32)

    def _on_line(self, logits: NDArray[Any]) -> NDArray[np.float64]:
        line = self.slope * np.asarray(logits, np.float64) + self.intercept
        return np.asarray(np.exp(-np.logaddexp(0.0, -line)), np.float64)

    def types(self, logits: NDArray[Any]) -> Array:
        """Type probabilities given a tumor, of logits (..., types); the last axis sums to 1."""
        return softmax(np.asarray(logits, np.float64) / self.type_temperature)

    def is_uncertain(self, probability: float) -> bool:
        """Whether a calibrated probability lies in the uncertain band, its ends included."""
        low, high = self.uncertain
        return low < high and low <= probability <= high
