"""Between an image as its file stores it and as it is seen (EXIF 2.32, 1 to 8)."""

from PIL import Image as Pillow

EXIF_TAG = 0x0112

_TO_UPRIGHT = {
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}
_TO_STORED = _TO_UPRIGHT | {6: Pillow.Transpose.ROTATE_90, 8: Pillow.Transpose.ROTATE_270}


def upright(image: Pillow.Image, orientation: int) -> Pillow.Image:
    """A stored image, turned as its orientation says; itself if that is 1."""
    return image.transpose(_TO_UPRIGHT[orientation]) if orientation in _TO_UPRIGHT else image


def stored(image: Pillow.Image, orientation: int) -> Pillow.Image:
    """An upright image as a file with this orientation stores it; itself if that is 1."""
    return image.transpose(_TO_STORED[orientation]) if orientation in _TO_STORED else image
