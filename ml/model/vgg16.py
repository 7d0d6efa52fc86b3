"""VGG16's layer names and the maps taken from them, shared by engines, training, gate and heads."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONVOLUTIONS = tuple(
    f"block{block}_conv{conv}" for block, last in enumerate((2, 2, 3, 3, 3), 1) for conv in range(1, last + 1)
)
"""VGG16's convolutions in order (Simonyan & Zisserman 2014, configuration D), with a pooling between the blocks."""

FEATURE_LAYERS = {"block3": "block3_pool", "block5": "block5_conv3"}
"""Maps that a pass returns and the layers they come from, front to back. The last pooling is left out, so block5 is
14 × 14 × 512."""


@dataclass(frozen=True, slots=True)
class Maps:
    """What one pass over N images returns, float32. The heads use `block5`, the gate `block3`.

    block3: (N, 28, 28, 256) after the pooling. block5: (N, 14, 14, 512) of block5_conv3.
    """

    block3: NDArray[np.float32]
    block5: NDArray[np.float32]
