"""Turn logits into calibrated probabilities, and decide which of them are uncertain.

Networks are overconfident (Guo et al. 2017, "On Calibration of Modern Neural Networks"). The image's logit goes through
a fitted line and the sigmoid (Platt 1999). Two lapse rates then keep the result away from 0 and 1: the fractions of
images with or without a tumor that the network misjudges however confident it is. The types' logits are divided by a
temperature. `ml.training.calibration.calibrate` fits these numbers on the validation split; the artifact's manifest
holds them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.model.activations import sigmoid, softmax

METHOD = "platt_lapses"

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Parameters of the calibration.

    slope, above 0, and intercept: of the line that the tumor logit goes through. type_temperature: above 0.
    uncertain: lowest and highest calibrated probability of the uncertain band, 0 <= low <= high <= 1.
    lapses: distance that probabilities keep from 0 and from 1; both at least 0, together below 1.
    Raises ValueError if a number is not finite or out of its range.
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
        """Read a manifest's `calibration` entry, ignoring other keys.

        Raises KeyError, TypeError or ValueError for a missing key, an invalid value or another method.
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
        """JSON-ready form, which `from_manifest` reads."""
        return {
            "method": METHOD,
            "slope": self.slope,
            "intercept": self.intercept,
            "type_temperature": self.type_temperature,
            "uncertain": list(self.uncertain),
            "lapses": list(self.lapses),
        }

    def probability(self, logits: NDArray[Any]) -> Array:
        """Tumor probabilities, 0 to 1, of images' logits (any shape)."""
        below, above = self.lapses
        return np.asarray(below + (1 - below - above) * self._on_line(logits), np.float32)

    def cells(self, logits: NDArray[Any]) -> Array:
        """Tumor probabilities, 0 to 1, of the cells of maps.

        Without the lapses, which hold for whole images: in every cell of a map they would show evidence where there is
        none.
        """
        return np.asarray(self._on_line(logits), np.float32)

    def _on_line(self, logits: NDArray[Any]) -> NDArray[np.float64]:
        return sigmoid(self.slope * np.asarray(logits, np.float64) + self.intercept)

    def types(self, logits: NDArray[Any]) -> Array:
        """Type probabilities, given a tumor, of logits (..., types); the last axis sums to 1."""
        return softmax(np.asarray(logits, np.float64) / self.type_temperature)

    def is_uncertain(self, probability: float) -> bool:
        """Whether a calibrated probability lies in the uncertain band, its ends included."""
        low, high = self.uncertain
        return low < high and low <= probability <= high
