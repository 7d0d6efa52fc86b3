"""Engines run VGG16's convolutions; everything after them is NumPy, the same for all.

An engine is loaded by name and built from the weights of an artifact. Importing this package imports no framework.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ml.contracts import ModelUnavailable

ENGINES = ("tensorflow",)
CHOICES = ("auto", *ENGINES)


@dataclass(frozen=True, slots=True)
class Maps:
    """What one pass over N pictures gives, float32: the heads read `block5`, the gate asks the others, too.

    block3: (N, 28, 28, 256) after the pooling. block4: (N, 14, 14, 512) after the pooling. block5: (N, 14, 14, 512)
    of block5_conv3.
    """

    block3: NDArray[np.float32]
    block4: NDArray[np.float32]
    block5: NDArray[np.float32]


class Engine(Protocol):
    """Runs the convolutional base. `name` is what results report."""

    name: str

    def forward(self, batch: NDArray[np.float32]) -> Maps:
        """From inputs (N, 224, 224, 3), BGR minus means, to their maps."""
        ...


def load_engine(name: str, tensors: dict[str, NDArray[np.float32]]) -> Engine:
    """Build engine `name` ("auto" picks the best one here) from the base's weights.

    Raises ValueError for a name that is none of CHOICES, ModelUnavailable if its framework cannot be imported.
    """
    if name not in CHOICES:
        raise ValueError(f"Unknown engine {name!r}. Valid engines: {', '.join(CHOICES)}.")
    try:
        from ml.engines.tensorflow import TensorFlowEngine
    except ImportError as error:
        raise ModelUnavailable("engine_missing", f"TensorFlow cannot be imported: {error}") from error
    return TensorFlowEngine(tensors)
