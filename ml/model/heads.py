"""The heads in NumPy, the same for every engine: from the last convolution's map to logits and an embedding.

A small fully convolutional head scores each of the 14 × 14 cells for tumor. The image's logit is a smooth maximum of
its cells, so a decision can be located. The type is predicted from the cells with the evidence.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.model.activations import softmax

Array = NDArray[np.float32]

CELLS = 14
"""Side of the map in cells; each is 16 × 16 pixels of the network's input."""
CHANNELS = 512
HIDDEN_UNITS = 128
EMBEDDING = 64
"""Length of the embedding that finds similar scans."""
SHARPNESS = 2.0
"""s in the smooth maximum log(sum(exp(s * cells))) / s (Pinheiro & Collobert 2015); larger is nearer the maximum."""

LAYERS = ("cell_hidden", "cell", "type_hidden", "type", "embedding")
TENSORS = tuple(f"{layer}/{part}" for layer in LAYERS for part in ("kernel", "bias"))

Layer = tuple[Array, Array]


@dataclass(frozen=True, slots=True)
class HeadOutputs:
    """The heads' outputs for N images.

    cells: (N, 14, 14) tumor logit of each cell. logits: (N,) the images' tumor logits, not calibrated.
    types: (N, types) logits, in the order of the manifest's `types`. embedding: (N, 64), of unit length.
    """

    cells: Array
    logits: Array
    types: Array
    embedding: Array


@dataclass(frozen=True, slots=True)
class Heads:
    """Kernels and biases, float32.

    Kernel shapes: cell_hidden (512, 128), cell (128, 1), type_hidden (1024, 128), type (128, types), embedding
    (1024, 64).
    """

    cell_hidden: Layer
    cell: Layer
    type_hidden: Layer
    type: Layer
    embedding: Layer

    @classmethod
    def from_tensors(cls, tensors: dict[str, Array]) -> "Heads":
        """Take the heads' tensors from a weights file. Raises KeyError if one is missing."""
        values = [tensors[name].astype(np.float32) for name in TENSORS]
        return cls(*zip(values[::2], values[1::2], strict=True))

    @property
    def type_count(self) -> int:
        """Number of tumor types that the type head tells apart."""
        return len(self.type[1])

    def apply(self, features: Array) -> HeadOutputs:
        """Apply the heads to maps of block5_conv3, (N, 14, 14, 512)."""
        flat = features.reshape(len(features), CELLS * CELLS, CHANNELS)
        cells = _dense(np.maximum(_dense(flat, self.cell_hidden), 0), self.cell)[..., 0]
        described = describe(flat, cells)
        embedding = _dense(described, self.embedding)
        length = np.linalg.norm(embedding, axis=1, keepdims=True)
        return HeadOutputs(
            cells=cells.reshape(-1, CELLS, CELLS),
            logits=smooth_maximum(cells),
            types=_dense(np.maximum(_dense(described, self.type_hidden), 0), self.type),
            embedding=np.asarray(embedding / np.maximum(length, 1e-12), np.float32),
        )


def smooth_maximum(cells: Array) -> Array:
    """Log-sum-exp of cells (N, …) as (N,): at least their maximum, and at most log(196) / SHARPNESS above it."""
    scaled = SHARPNESS * cells.reshape(len(cells), -1)
    peak = scaled.max(axis=1, keepdims=True)
    return np.asarray((peak[:, 0] + np.log(np.exp(scaled - peak).sum(axis=1))) / SHARPNESS, np.float32)


def describe(flat: Array, cells: Array) -> Array:
    """Channels averaged over the evidence, then over the whole map: (N, 196, 512) and cells (N, 196) to (N, 1024)."""
    focus = np.einsum("npc,np->nc", flat, softmax(SHARPNESS * cells))
    return np.concatenate([focus, flat.mean(axis=1, dtype=np.float32)], axis=1)


def pool(features: Array) -> Array:
    """Global average pooling: (N, height, width, channels) to (N, channels)."""
    return np.asarray(features.mean(axis=(1, 2), dtype=np.float32))


def _dense(x: Array, layer: Layer) -> Array:
    return np.asarray(x @ layer[0] + layer[1], np.float32)
