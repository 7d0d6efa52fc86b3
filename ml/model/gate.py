"""Is this a slice of a brain? Out-of-distribution detection from the same forward pass that looks for a tumor.

`summary` reduces the maps of block 3, which keeps ImageNet's weights. On their principal components, a logistic
regression combines what separates brains from other images with the distance from all training brains: a Mahalanobis
distance (Lee et al. 2018, arXiv 1807.03888) and the residual outside the components. So images unlike anything in
training are refused, too. `ml.training.gate.fit` fits the numbers.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.contracts import Gate
from ml.model.activations import sigmoid, softmax
from ml.model.vgg16 import Maps

Array = NDArray[np.float32]

GRID = 4
"""Regions along each side of the 28 × 28 map; each averages 7 × 7 cells."""
CHANNELS = 256
SUMMARY = (GRID * GRID + 1) * CHANNELS
"""Length of a summary: each channel's mean in every region, then its standard deviation over the map."""

THRESHOLD = 0.5
"""Images with a lower likeness are refused. The fit shifts its scores so that this is the limit."""

TENSORS = ("mean", "scale", "components", "spread", "rest", "weights", "bias", "kinds", "kind_bias")
PREFIX = "gate/"

NEGATIVE_CLASSES = (
    *("chest_xray", "ultrasound", "natural", "documents", "other"),
    *("head_ct", "head_pet", "head_spect", "microscopy", "mr_phantom", "label_map"),
)
"""What a refused image may look like most. `other` covers everything that training drew in code. An artifact knows the
first classes, as many as its tensor `kinds` has rows, so a new one is added at the end."""

ACCEPTED = "A single MRI slice of a brain is accepted, from any side and of any sequence."

REASONS: dict[str, tuple[str, str]] = {
    "chest_xray": ("not_mri_xray", "This looks like an X-ray image, not an MRI slice of a brain."),
    "ultrasound": ("not_mri_ultrasound", "This looks like an ultrasound image, not an MRI slice of a brain."),
    "natural": ("not_mri_photograph", "This looks like a photograph, not an MRI slice."),
    "documents": ("not_mri_document", "This looks like a document or a screenshot, not an MRI slice."),
    "head_ct": ("not_mri_ct", "This looks like a CT, not an MRI slice of a brain."),
    "head_pet": ("not_mri_pet", "This looks like a PET image, not an MRI slice of a brain."),
    "head_spect": ("not_mri_spect", "This looks like a SPECT image, not an MRI slice of a brain."),
    "microscopy": ("not_mri_microscopy", "This looks like a microscope image, not an MRI slice of a brain."),
    "mr_phantom": ("not_mri_phantom", "This looks like a scanner's test object, not a slice of a brain."),
    "label_map": ("not_mri_labels", "This looks like a map of labels, not an MRI slice of a brain."),
    "other": ("not_brain_mri", "This does not look like an MRI slice of a brain."),
}
"""Code and sentence by nearest class. Codes are stable."""

MIN_CLASS_PROBABILITY = 0.6
"""Smallest probability of the nearest class at which a refusal names it; else it says only that this is no brain."""


@dataclass(frozen=True, slots=True)
class GateModel:
    """The gate's parameters, float32, named as in the weights file; D = SUMMARY, k components.

    mean, scale: (D,) standardization. components: (k, D). spread: (k,) variance of brains along each component.
    rest: (1,) their mean residual. weights: (k + 2,) and bias: (1,) of the logistic regression.
    kinds: (c, k) and kind_bias: (c,) score the first c of NEGATIVE_CLASSES.
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
        """Take the gate's tensors (`gate/…`) from a weights file. Raises KeyError if one is missing."""
        return cls(**{name: np.asarray(tensors[PREFIX + name], np.float32) for name in TENSORS})

    def judge(self, maps: Maps, index: int) -> Gate:
        """Judge image `index` of a pass. `score` is its likeness to a brain slice, 0 to 1."""
        return self.verdicts(summary(maps.block3[index : index + 1]))[0]

    def verdicts(self, summaries: Array) -> list[Gate]:
        """Judge summaries (N, SUMMARY), one verdict each."""
        projected, distances = self.project(summaries)
        likeness = self.likeness(projected, distances)
        classes = softmax(projected @ self.kinds.T + self.kind_bias)
        return [_verdict(float(score), row) for score, row in zip(likeness, classes, strict=True)]

    def project(self, summaries: Array) -> tuple[Array, Array]:
        """Whitened components (N, k), and log distances from training brains (N, 2): within the components, outside."""
        centered = (summaries - self.mean) / self.scale
        components = centered @ self.components.T
        residual = np.maximum((centered**2).sum(axis=1) - (components**2).sum(axis=1), 0.0)
        projected = components / np.sqrt(self.spread)
        distances = np.stack([(projected**2).mean(axis=1), residual / self.rest], axis=1)
        return np.asarray(projected, np.float32), np.asarray(np.log(distances + 1e-3), np.float32)

    def likeness(self, projected: Array, distances: Array) -> Array:
        """Likeness to a brain slice (N,), from 0 to 1; NaN if the maps hold NaN."""
        logits = np.concatenate([projected, distances], axis=1) @ self.weights + self.bias
        return np.asarray(sigmoid(-logits), np.float32)


def summary(block3: NDArray[np.floating]) -> Array:
    """Summarize block 3's pooled maps (N, 28, 28, 256) as (N, SUMMARY) float32.

    Each channel's mean in each of GRID × GRID regions, and its standard deviation over the map, both as log(1 + x/50):
    activations are never negative and span decades.
    """
    maps = np.asarray(block3, np.float32)
    count, side, _, channels = maps.shape
    step = side // GRID
    regions = maps.reshape(count, GRID, step, GRID, step, channels).mean(axis=(2, 4))
    spread = maps.reshape(count, side * side, channels).std(axis=1)
    together = np.concatenate([regions.reshape(count, -1), spread], axis=1)
    return np.asarray(np.log1p(np.maximum(together, 0.0) / np.float32(50)), np.float32)


def _verdict(likeness: float, classes: Array) -> Gate:
    """classes: (c,) probability of each of the first c of NEGATIVE_CLASSES, given that it is no brain."""
    if likeness >= THRESHOLD:  # False for NaN
        return Gate(accepted=True, score=likeness, threshold=THRESHOLD)
    score = likeness if np.isfinite(likeness) else 0.0
    nearest = int(classes.argmax()) if np.isfinite(classes).all() else NEGATIVE_CLASSES.index("other")
    named = NEGATIVE_CLASSES[nearest] if classes[nearest] >= MIN_CLASS_PROBABILITY else "other"
    reason, sentence = REASONS[named]
    return Gate(accepted=False, score=score, threshold=THRESHOLD, reason=reason, message=f"{sentence} {ACCEPTED}")
