"""How much of a picture is in color. Only gray reaches the network, so this is measured while the color is there."""

import numpy as np
from PIL import Image as Pillow

_SIDE = 128
_OFF_TINT = 24
"""Of 255: how far a pixel's color must be from the picture's own tint. JPEG's rounding of gray stays below it."""
_VIVID = 96
"""Of 255: difference between the strongest and weakest of red, green and blue that no tinted gray picture reaches."""


def colored_fraction(picture: Pillow.Image) -> float:
    """Fraction (0 to 1) of pixels that are vivid or whose color is not the picture's own tint. 0 for gray.

    A slice shown in sepia, or photographed off a bluish screen, has one tint: the color of every pixel follows from its
    brightness. That tint is fitted (a quadratic per channel) and subtracted, so that only color that varies counts.
    """
    if picture.mode not in ("RGB", "RGBA", "P", "PA", "CMYK", "YCbCr", "LAB", "HSV", "RGBX", "RGBa"):
        return 0.0
    width, height = picture.size
    small = picture.resize((min(width, _SIDE), min(height, _SIDE)), Pillow.Resampling.NEAREST)
    if small.mode == "LAB":  # Pillow has no direct way from LAB to RGB; its two color planes are centered on 128
        planes = np.asarray(small, np.uint8)[..., 1:].view(np.int8).reshape(-1, 2)
        return float((np.abs(planes.astype(np.int16)).max(axis=1) > _OFF_TINT).mean())
    rgba = np.asarray(small.convert("RGBA"), np.float64).reshape(-1, 4)
    rgb = rgba[:, :3] * rgba[:, 3:] / 255
    luma = rgb @ (0.299, 0.587, 0.114)  # ITU-R BT.601
    color = rgb - luma[:, None]
    terms = np.stack([np.ones_like(luma), luma / 255, (luma / 255) ** 2], axis=1)
    tint = terms @ np.linalg.lstsq(terms, color, rcond=None)[0]
    off_tint = np.abs(color - tint).max(axis=1) > _OFF_TINT
    vivid = rgb.max(axis=1) - rgb.min(axis=1) > _VIVID
    return float((off_tint | vivid).mean())
