"""The heat map's colors: "inferno", perceptually uniform, also for color-blind readers and in grayscale print.

Its lightness rises steadily with the value (van der Walt & Smith, "A better default colormap for Matplotlib", SciPy
2015; released under CC0). Seventeen of its colors are listed here and the rest interpolated, so drawing does not need
matplotlib.
"""

import numpy as np
from numpy.typing import NDArray

_INFERNO = (
    "000004", "0b0724", "210c4a", "3d0965", "57106e", "71196e", "8a226a", "a32c61", "bc3754",
    "d24644", "e45a31", "f1731d", "f98e09", "fcac11", "f9cb35", "f2ea69", "fcffa4",
)  # fmt: skip
"""Published values at 0, 1/16, … 1."""

COLD = 0.08
"""Value below which the map is fully transparent, so that the anatomy shows unchanged."""

HOT = 0.6
"""Value from which the map has its full opacity."""

_DARKEST = 0.3  # inferno starts here: its dark end would only blacken the anatomy


def colors(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """RGB colors (..., 3) uint8 of values 0 to 1."""
    stops = np.array([[int(color[at : at + 2], 16) for at in (0, 2, 4)] for color in _INFERNO], np.float64)
    positions = _DARKEST + (1 - _DARKEST) * np.clip(values, 0.0, 1.0)
    channels = [np.interp(positions, np.linspace(0, 1, len(stops)), stops[:, channel]) for channel in range(3)]
    return np.asarray(np.stack(channels, axis=-1).round(), np.uint8)


def opacities(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Opacities, 0 to 255, of values 0 to 1: none up to COLD, full from HOT, a smooth rise between."""
    rise = np.clip((np.asarray(values, np.float64) - COLD) / (HOT - COLD), 0.0, 1.0)
    return np.asarray((255 * rise * rise * (3 - 2 * rise)).round(), np.uint8)


def table() -> NDArray[np.uint8]:
    """All 256 levels as RGBA (256, 4) uint8; row n is the color of the value n / 255."""
    values = np.arange(256) / 255
    return np.concatenate([colors(values), opacities(values)[:, None]], axis=1)
