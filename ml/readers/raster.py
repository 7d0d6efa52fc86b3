"""PNG, JPEG, GIF, TIFF, WebP and BMP through Pillow, to one grayscale plane.

The size in the header is checked before a pixel is decoded, so a decompression bomb costs nothing. Color is reduced to
luma, transparency is laid over black (the background of MR), 16-bit depth is kept, EXIF orientation is applied.

Pillow's plugins raise almost anything on hostile bytes (struct, zlib, syntax, overflow, recursion errors), so any
exception of a decoding call means a damaged file.
"""

import io
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageChops, ImageOps, UnidentifiedImageError

from ml.contracts import Image, UnreadableImage
from ml.readers.color import colored_fraction

_EXIF_ORIENTATION = 0x0112
_STRIP = 256  # rows

_LARGEST = 1e30
"""Largest magnitude of a floating-point pixel; sums and differences of larger ones overflow float32."""


def read(data: bytes, *, file_format: str, max_pixels: int) -> Image:
    """Decode `data`, a file of raster format `file_format`, to one grayscale plane.

    Raises UnreadableImage with code `too_many_pixels`, `truncated`, `damaged` or `not_finite`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd metadata; our own checks decide
        _verify(data, file_format, max_pixels)
        picture = _open(data, file_format, max_pixels)
        try:
            frames = int(getattr(picture, "n_frames", 1))
            orientation = _orientation(picture)
            picture.load()
            mode = picture.mode
            color = colored_fraction(picture)
            ImageOps.exif_transpose(picture, in_place=True)
            pixels = _grayscale(picture)
        except Exception as error:
            raise _decode_error(file_format, error) from error
    if pixels.dtype.kind == "f" and not (np.abs(pixels) < _LARGEST).all():
        raise UnreadableImage("not_finite", f"The {file_format} file holds pixels that are no usable numbers.")
    # Not from picture.size: Pillow has already turned that of a TIFF.
    height, width = pixels.shape if orientation <= 4 else pixels.shape[::-1]
    return Image(
        pixels=pixels,
        format=file_format,
        width=width,
        height=height,
        orientation=orientation,
        notes=_notes(mode, frames, orientation),
        color_fraction=color,
    )


def _open(data: bytes, file_format: str, max_pixels: int) -> Pillow.Image:
    try:
        picture = Pillow.open(io.BytesIO(data), formats=[file_format])
    except Pillow.DecompressionBombError as error:
        raise UnreadableImage(
            "too_many_pixels", f"The picture claims more than {max_pixels:,} pixels, the most that is read."
        ) from error
    except UnidentifiedImageError as error:
        raise UnreadableImage("damaged", f"The {file_format} file is damaged: its header cannot be read.") from error
    except Exception as error:
        raise _decode_error(file_format, error) from error
    width, height = picture.size
    if width * height > max_pixels:
        raise UnreadableImage(
            "too_many_pixels",
            f"The picture claims {width} × {height} pixels; at most {max_pixels:,} pixels are read.",
        )
    if width < 1 or height < 1:
        raise UnreadableImage("damaged", f"The {file_format} file claims a size of {width} × {height} pixels.")
    return picture


def _verify(data: bytes, file_format: str, max_pixels: int) -> None:
    """Pillow's integrity check (checksums of PNG chunks). It consumes the object, so callers open the file again."""
    picture = _open(data, file_format, max_pixels)
    try:
        picture.verify()
    except Exception as error:
        raise _decode_error(file_format, error) from error


def _decode_error(file_format: str, error: BaseException) -> UnreadableImage:
    if "truncated" in str(error).lower() or isinstance(error, EOFError):
        return UnreadableImage("truncated", f"The {file_format} file is cut off: it ends before the picture does.")
    return UnreadableImage("damaged", f"The {file_format} file is damaged and cannot be decoded.")


def _orientation(picture: Pillow.Image) -> int:
    value = picture.getexif().get(_EXIF_ORIENTATION, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _grayscale(picture: Pillow.Image) -> NDArray[Any]:
    mode = picture.mode
    if mode.startswith("I;16"):
        return np.asarray(picture).astype(np.uint16)
    if mode in ("I", "F"):
        return np.asarray(picture).astype(np.float32)
    if mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        # Over black, brightness is luma times opacity, which needs two planes instead of three color images.
        picture = ImageChops.multiply(rgba.convert("RGB").convert("L"), rgba.getchannel("A"))
    if mode == "LAB":
        picture = picture.getchannel("L")
    if picture.mode not in ("L", "1", "RGB"):
        picture = picture.convert("RGB")
    return _plane(picture if picture.mode == "L" else picture.convert("L"))


def _plane(picture: Pillow.Image) -> NDArray[np.uint8]:
    """A gray picture as an array, strip by strip: `np.array` would hold all of it three times."""
    width, height = picture.size
    plane = np.empty((height, width), np.uint8)
    for top in range(0, height, _STRIP):
        bottom = min(top + _STRIP, height)
        plane[top:bottom] = np.asarray(picture.crop((0, top, width, bottom)))
    return plane


def _notes(mode: str, frames: int, orientation: int) -> tuple[str, ...]:
    notes = []
    if frames > 1:
        notes.append(f"The file holds {frames} pictures; the first was read.")
    if orientation != 1:
        notes.append("Turned upright as its EXIF orientation says.")
    if mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        notes.append(f"Color space {mode} was reduced to gray.")
    return tuple(notes)
