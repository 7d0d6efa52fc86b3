"""Is this a slice of a brain? Judged from the same pass that looks for a tumor, so it costs no second one.

The trunk's maps (block 3, which keeps ImageNet's weights) are summed up as `summary` does. On their principal
components a logistic rule weighs what tells brains from other pictures together with how far the picture lies
from all brains of the training data (a Mahalanobis distance, Lee et al. 2018, arXiv 1807.03888, and what the components
leave over): a picture unlike everything known is refused, too. `ml.training.gate.fit` makes the numbers.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.contracts import Gate
from ml.model.activations import softmax
from ml.model.vgg16 import Maps

Array = NDArray[np.float32]

GRID = 4
"""Regions along each side that the map is averaged over: 7 × 7 cells of 28 × 28 each."""
CHANNELS = 256
SUMMARY = (GRID * GRID + 1) * CHANNELS
"""Length of a summary: means in each region, then the standard deviation over the whole map, of every channel."""

THRESHOLD = 0.5
"""Likeness below which a picture is refused; the fit shifts its scores so that this is the limit."""

TENSORS = ("mean", "scale", "components", "spread", "rest", "weights", "bias", "kinds", "kind_bias")
PREFIX = "gate/"

NEGATIVE_CLASSES = ("chest_xray", "ultrasound", "natural", "documents", "other")
"""What a refused picture may be most like. `other` stands for everything drawn in code."""

ACCEPTED = "A single MRI slice of a brain is accepted, from any side and of any sequence."

REASONS: dict[str, tuple[str, str]] = {
    "chest_xray": ("not_mri_xray", "This looks like an X-ray picture, not an MRI slice of a brain."),
    "ultrasound": ("not_mri_ultrasound", "This looks like an ultrasound picture, not an MRI slice of a brain."),
    "natural": ("not_mri_photograph", "This looks like a photograph, not an MRI slice."),
    "documents": ("not_mri_document", "This looks like a document or a screenshot, not an MRI slice."),
    "other": ("not_brain_mri", "This does not look like an MRI slice of a brain."),
}
"""Code and sentence by nearest kind. Codes are stable."""

SURE = 0.6
"""Share that the nearest kind must have among all to be named; below it the picture is only called no brain MRI."""


@dataclass(frozen=True, slots=True)
class GateModel:
    """Numbers of the gate, float32; D = SUMMARY, k components.

    mean, scale: (D,) standardization. components: (k, D). spread: (k,) variance of brains along each. rest: (1,) what
    they leave over on average. weights: (k + 2,) and bias: (1,) of the logistic rule. kinds: (5, k) and kind_bias: (5,)
    score each of NEGATIVE_CLASSES.
    """

    mean: Array
    scale: Array
    components: Array
    spread: Array
    rest: Array
    weights: Array
    bias: Array
    kinds: Array
    kind_bias: Array

    @classmethod
    def from_tensors(cls, tensors: dict[str, Array]) -> "GateModel":
        """Take the gate's part of a weights file (names `gate/…`). Raises KeyError if one is absent."""
        return cls(**{name: np.asarray(tensors[PREFIX + name], np.float32) for name in TENSORS})

    def judge(self, maps: Maps, index: int) -> Gate:
        """The verdict on picture `index` of a pass. `score` is its likeness to a brain slice, 0 to 1."""
        return self.verdicts(summary(maps.block3[index : index + 1]))[0]

    def verdicts(self, summaries: Array) -> list[Gate]:
        """One verdict for each summary (N, SUMMARY)."""
        projected, distances = self.project(summaries)
        likeness = self.likeness(projected, distances)
        shares = softmax(projected @ self.kinds.T + self.kind_bias)
        return [_verdict(float(score), share) for score, share in zip(likeness, shares, strict=True)]

    def project(self, summaries: Array) -> tuple[Array, Array]:
        """Whitened components (N, k), and logarithms (N, 2) of the distance from brains within and beside them."""
        centered = (summaries - self.mean) / self.scale
        along = centered @ self.components.T
        beside = np.maximum((centered**2).sum(axis=1) - (along**2).sum(axis=1), 0.0)
        projected = along / np.sqrt(self.spread)
        distances = np.stack([(projected**2).mean(axis=1), beside / self.rest], axis=1)
        return np.asarray(projected, np.float32), np.asarray(np.log(distances + 1e-3), np.float32)

    def likeness(self, projected: Array, distances: Array) -> Array:
        """(N,) from 0, no brain, to 1; NaN where the maps hold no numbers."""
        logits = np.concatenate([projected, distances], axis=1) @ self.weights + self.bias
        return np.asarray(1.0 / (1.0 + np.exp(np.clip(logits, -60.0, 60.0))), np.float32)


def summary(block3: NDArray[np.floating]) -> Array:
    """What the gate keeps of block 3's pooled maps (N, 28, 28, 256): (N, SUMMARY) float32.

    Mean of every channel in each of GRID × GRID regions, and its standard deviation over the map, both as log(1 +
    x/50): activations are never negative and spread over decades.
    """
    maps = np.asarray(block3, np.float32)
    count, side, _, channels = maps.shape
    step = side // GRID
    regions = maps.reshape(count, GRID, step, GRID, step, channels).mean(axis=(2, 4))
    spread = maps.reshape(count, side * side, channels).std(axis=1)
    together = np.concatenate([regions.reshape(count, -1), spread], axis=1)
    return np.asarray(np.log1p(np.maximum(together, 0.0) / np.float32(50)), np.float32)


def _verdict(likeness: float, shares: Array) -> Gate:
    if likeness >= THRESHOLD:  # False for NaN
        return Gate(accepted=True, score=likeness, threshold=THRESHOLD)
    score = likeness if np.isfinite(likeness) else 0.0
    nearest = int(shares.argmax()) if np.isfinite(shares).all() else NEGATIVE_CLASSES.index("other")
    kind = NEGATIVE_CLASSES[nearest] if shares[nearest] >= SURE else "other"
    reason, sentence = REASONS[kind]
    return Gate(accepted=False, score=score, threshold=THRESHOLD, reason=reason, message=f"{sentence} {ACCEPTED}")
