"""The heads in NumPy: from the last convolution's map to probabilities. One code for every engine.

Global average pooling, one hidden layer, then two softmaxes: no tumor / tumor, and the type given a tumor.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.contracts import TUMOR_TYPES, Outcome, Prediction

Array = NDArray[np.float32]

HIDDEN_UNITS = 256
TENSORS = ("hidden/kernel", "hidden/bias", "tumor/kernel", "tumor/bias", "type/kernel", "type/bias")


@dataclass(frozen=True, slots=True)
class Heads:
    """Weights of both heads, float32. hidden (512, 256), tumor (256, 2), type (256, 3), each with its bias."""

    hidden: tuple[Array, Array]
    tumor: tuple[Array, Array]
    type: tuple[Array, Array]

    @classmethod
    def from_tensors(cls, tensors: dict[str, Array]) -> "Heads":
        """Take the heads' part of a weights file. Raises KeyError if one is absent."""
        hidden_w, hidden_b, tumor_w, tumor_b, type_w, type_b = (tensors[n].astype(np.float32) for n in TENSORS)
        return cls(hidden=(hidden_w, hidden_b), tumor=(tumor_w, tumor_b), type=(type_w, type_b))

    def probabilities(self, features: Array) -> tuple[Array, Array]:
        """From a map (N, 14, 14, 512) to the tumor score (N,) and the type's probabilities (N, 3)."""
        return self.from_pooled(pool(features))

    def from_pooled(self, pooled: Array) -> tuple[Array, Array]:
        """The same from pooled features (N, 512)."""
        hidden = np.maximum(_dense(pooled, self.hidden), 0.0)
        return softmax(_dense(hidden, self.tumor))[:, 1], softmax(_dense(hidden, self.type))

    def predict(self, features: Array, *, threshold: float) -> list[Prediction]:
        """One Prediction for each picture of a map (N, 14, 14, 512); tumor from `threshold` upwards."""
        scores, types = self.probabilities(features)
        return [_prediction(float(score), row, threshold) for score, row in zip(scores, types, strict=True)]


def pool(features: Array) -> Array:
    """Global average pooling: (N, height, width, channels) to (N, channels)."""
    return np.asarray(features.mean(axis=(1, 2), dtype=np.float32))


def softmax(logits: Array) -> Array:
    """Row-wise softmax, stable for large logits."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True), np.float32)


def _dense(x: Array, layer: tuple[Array, Array]) -> Array:
    return np.asarray(x @ layer[0] + layer[1], np.float32)


def _prediction(score: float, types: Array, threshold: float) -> Prediction:
    outcome: Outcome = "tumor" if score >= threshold else "no_tumor"
    return Prediction(
        outcome=outcome,
        tumor_probability=score,
        type_probabilities=dict(zip(TUMOR_TYPES, map(float, types), strict=True)),
    )
