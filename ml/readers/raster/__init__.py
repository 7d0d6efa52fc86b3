"""PNG, JPEG, GIF, TIFF, WebP and BMP through Pillow, to one grayscale plane.

The size in the header is checked before a pixel is decoded, so a decompression bomb costs nothing. Color is reduced to
luma, transparency is laid over black (the background of MR), 16-bit depth is kept, EXIF orientation is applied.

Pillow's plugins raise almost anything on hostile bytes (struct, zlib, syntax, overflow, recursion errors), so any
exception of a decoding call means a damaged file.
"""

import io
import warnings
from dataclasses import dataclass

from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from ml.contracts import Image, UnreadableImage, is_colored, pixel_digest
from ml.readers import color
from ml.readers.raster import appearance, gray, jpeg, orientation, png, tiff
from ml.readers.raster import tiff_directory as tags


@dataclass(frozen=True, slots=True)
class Decoded:
    """An image that still has its colors, upright.

    orientation: EXIF's, 1 to 8, of the image as it is stored. frames: number of images in the file.
    notes: sentences on how its values were read.
    """

    image: Pillow.Image
    orientation: int
    frames: int
    notes: tuple[str, ...] = ()


def read(data: bytes, *, file_format: str, max_pixels: int) -> Image:
    """Decode `data`, a file of raster format `file_format`, to one grayscale plane.

    Raises UnreadableImage with code `too_many_pixels`, `truncated`, `damaged`, `variant_not_read` or `not_finite`.
    """
    decoded = decode(data, file_format=file_format, max_pixels=max_pixels)
    try:
        in_color = color.measure(decoded.image)
        pixels, notes = gray.plane(decoded.image)
    except Exception as error:
        raise _decode_error(file_format, error) from error
    height, width = pixels.shape if decoded.orientation <= 4 else pixels.shape[::-1]
    return Image(
        pixels=pixels,
        format=file_format,
        width=width,
        height=height,
        orientation=decoded.orientation,
        notes=(*_notes(decoded), *decoded.notes, *notes),
        color_fraction=in_color.fraction,
        inner_color_fraction=in_color.inner,
    )


def pixel_sha256(data: bytes, *, file_format: str, max_pixels: int) -> str:
    """`Image.pixel_sha256` of what `read` gives, without a plane as large as the image. Raises as `read` does."""
    decoded = decode(data, file_format=file_format, max_pixels=max_pixels)
    width, height = decoded.image.size
    return pixel_digest(
        gray.strips(decoded.image),
        shape=(height, width),
        orientation=decoded.orientation,
        colored=is_colored(*color.measure(decoded.image)),
    )


def decode(data: bytes, *, file_format: str, max_pixels: int) -> Decoded:
    """The first image of the file, with its colors. Raises as `read` does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd metadata; our own checks decide
        try:
            if file_format == "TIFF":
                return _decode_tiff(data, max_pixels)
            return _decode(jpeg.completed(data) if file_format == "JPEG" else data, file_format, max_pixels)
        except UnreadableImage:
            raise
        except Exception as error:
            raise _decode_error(file_format, error) from error


def _decode(data: bytes, file_format: str, max_pixels: int) -> Decoded:
    _open(data, file_format, max_pixels).verify()  # checksums of PNG chunks; it consumes the object
    image = _open(data, file_format, max_pixels)
    layout = png.deep_layout(image) if file_format == "PNG" else None  # first: asking for EXIF decodes a PNG
    frames, turned = int(getattr(image, "n_frames", 1)), _orientation(image)
    if layout is not None:
        image, notes = png.read(data, layout)
    else:
        image.load()
        if file_format == "JPEG":
            jpeg.check_end(data, image)
        image, notes = appearance.applied(image)
    return Decoded(orientation.upright(image, turned), turned, frames, notes)


def _decode_tiff(data: bytes, max_pixels: int) -> Decoded:
    directory = tiff.directory_of(data)
    _check_size(directory.first(tags.WIDTH, 0), directory.first(tags.LENGTH, 0), "TIFF", max_pixels)
    tiff.check(directory)
    turned = directory.first(tags.ORIENTATION, 1)
    turned = turned if 1 <= turned <= 8 else 1
    if tiff.is_deep(directory):
        image, notes = tiff.read(data, directory, max_pixels=max_pixels)
        return Decoded(orientation.upright(image, turned), turned, directory.pages, notes)
    try:
        image = _open(data, "TIFF", max_pixels)
    except UnidentifiedImageError as error:
        raise tiff.not_read(directory) from error
    image.load()  # Pillow turns it upright
    image, notes = appearance.applied(image)
    return Decoded(image, turned, directory.pages, notes)


def _open(data: bytes, file_format: str, max_pixels: int) -> Pillow.Image:
    try:
        image = Pillow.open(io.BytesIO(data), formats=[file_format])
    except Pillow.DecompressionBombError as error:
        raise UnreadableImage(
            "too_many_pixels", f"The image claims more than {max_pixels:,} pixels, the most that is read."
        ) from error
    _check_size(*image.size, file_format, max_pixels)
    return image


def _check_size(width: int, height: int, file_format: str, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise UnreadableImage(
            "too_many_pixels",
            f"The image claims {width} × {height} pixels; at most {max_pixels:,} pixels are read.",
        )
    if width < 1 or height < 1:
        raise UnreadableImage("damaged", f"The {file_format} file claims a size of {width} × {height} pixels.")


def _decode_error(file_format: str, error: BaseException) -> UnreadableImage:
    if isinstance(error, UnidentifiedImageError):
        return UnreadableImage("damaged", f"The {file_format} file is damaged: its header cannot be read.")
    if "truncated" in str(error).lower() or isinstance(error, EOFError):
        return UnreadableImage("truncated", f"The {file_format} file is cut off: it ends before the image does.")
    return UnreadableImage("damaged", f"The {file_format} file is damaged and cannot be decoded.")


def _orientation(image: Pillow.Image) -> int:
    value = image.getexif().get(orientation.EXIF_TAG, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _notes(decoded: Decoded) -> tuple[str, ...]:
    notes = []
    if decoded.frames > 1:
        notes.append(f"The file holds {decoded.frames} images; the first was read.")
    if decoded.orientation != 1:
        notes.append("Turned upright as its EXIF orientation says.")
    if decoded.image.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        notes.append(f"Color space {decoded.image.mode} was reduced to gray.")
    return tuple(notes)
