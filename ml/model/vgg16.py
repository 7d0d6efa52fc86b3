"""VGG16's layers by name, and what of them is looked at: the same for engines, training and readers of the maps."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONVOLUTIONS = tuple(
    f"block{block}_conv{conv}" for block, last in enumerate((2, 2, 3, 3, 3), 1) for conv in range(1, last + 1)
)
"""VGG16's convolutions in their order (Simonyan & Zisserman 2014, configuration D); a pooling parts the blocks."""

TAPS = {"block3": "block3_pool", "block4": "block4_pool", "block5": "block5_conv3"}
"""What a pass gives, by the layer it comes from, front to back. block5 is 14 × 14 × 512: the last pooling is left
out."""


@dataclass(frozen=True, slots=True)
class Maps:
    """What one pass over N pictures gives, float32: the heads read `block5`, the gate asks the others, too.

    block3: (N, 28, 28, 256) after the pooling. block4: (N, 14, 14, 512) after the pooling. block5: (N, 14, 14, 512)
    of block5_conv3.
    """

    block3: NDArray[np.float32]
    block4: NDArray[np.float32]
    block5: NDArray[np.float32]
