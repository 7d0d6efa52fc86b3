"""A PNG, JPEG, TIFF, WebP, BMP or GIF that holds nothing but its image.

The pixels are decoded and written to a new file without loss, a TIFF as TIFF and anything else as PNG, so nothing that
stood beside them can follow. Only a JPEG keeps its compressed data, see `jpeg`. Either way the new file is read back,
and not used unless it gives the very same pixels.
"""

import io
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from PIL import Image as Pillow

from diagnosis.deid import jpeg
from diagnosis.deid.metadata import names_of_metadata
from ml import readers
from ml.contracts import UnreadableImage
from ml.readers import raster
from ml.readers.raster.orientation import EXIF_TAG, stored

_MAX_GROWTH = 2
"""A PNG that grows by a larger factor shows a pattern, not noise. It is encoded again with a search for repeats:
without one, such a file took 64 times its space."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A file that may be stored.

    format: as `ml.readers.sniff` names it; not always the original's. dropped: which kinds of metadata were left out,
    never what they said.
    """

    data: bytes
    format: str
    dropped: tuple[str, ...]


def clean(
    data: bytes, *, file_format: str, orientation: int, pixel_sha256: str, preview: bytes | None = None
) -> Cleaned:
    """The file without anything that is not the image.

    file_format, orientation, pixel_sha256: of the image that `ml.readers.read` gave for `data`. preview: PNG bytes
    that show it. They are stored as the file where they hold the same gray pixels, which saves encoding them again.

    Of the metadata only the orientation stays. Of several images only the first stays, as only that one is read.

    Raises UnreadableImage with code `not_separable`: no rewrite gives the same pixels.
    """
    rewrites: list[Callable[[], Cleaned]] = [lambda: _reencoded(data, file_format, orientation)]
    if file_format == "JPEG":
        rewrites.insert(0, lambda: _stripped_jpeg(data, orientation))
    elif file_format == "PNG" and orientation == 1 and preview is not None:
        rewrites.insert(0, lambda: _as_previewed(data, preview))
    for rewrite in rewrites:
        try:
            cleaned = rewrite()
            if cleaned.data == data:  # there was nothing to remove
                return Cleaned(data, cleaned.format, cleaned.dropped)  # not a second copy of the bytes
            if _pixel_sha256(cleaned) == pixel_sha256:
                return cleaned
        except Exception:  # noqa: S112 - Pillow raises almost anything for a file that it cannot handle
            continue
    raise UnreadableImage(
        "not_separable", f"The {file_format} file's image cannot be told from what else is in it. Export it as PNG."
    )


def _pixel_sha256(cleaned: Cleaned) -> str | None:
    """What `readers.read` would find in the new file; None if it took it for another format."""
    if readers.sniff(cleaned.data) != cleaned.format:
        return None
    return raster.pixel_sha256(cleaned.data, file_format=cleaned.format, max_pixels=readers.MAX_PIXELS)


def _stripped_jpeg(data: bytes, orientation: int) -> Cleaned:
    stripped, dropped = jpeg.stripped(data, orientation=orientation)
    return Cleaned(stripped, "JPEG", tuple(sorted(dropped)))


def _reencoded(data: bytes, file_format: str, orientation: int) -> Cleaned:
    """Decoded and encoded again without loss: TIFF as TIFF, because PNG lacks some of its modes; all else as PNG.

    What a color profile, a gamma or unusual samples say is in the decoded pixels, so it need not be kept.
    """
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd metadata, which is not kept
        dropped = names_of_metadata(data, file_format=file_format)
        upright = raster.decode(data, file_format=file_format, max_pixels=readers.MAX_PIXELS).image
        image = _without_hidden_colors(stored(upright, orientation))
        if file_format != "TIFF" and _exceeds_palette(image):
            image = image.convert("RGBA" if "transparency" in image.info else "RGB")
        if image.mode == "YCbCr" or (image.mode == "CMYK" and file_format != "TIFF"):
            image = image.convert("RGB")  # what was seen; PNG has neither, and TIFF would change the first
        elif image.mode == "La":
            image = image.getchannel("L")
        transparency = image.info.get("transparency")
        if file_format == "TIFF" and image is upright:
            image = image.copy()  # Pillow would write the tags of a TIFF that it opened
        image.info = {} if transparency is None else {"transparency": transparency}
        if file_format == "TIFF":
            tags = {EXIF_TAG: orientation} if orientation != 1 else {}
            image.save(stream, "TIFF", tiffinfo=tags, compression="tiff_adobe_deflate")
            return Cleaned(stream.getvalue(), "TIFF", dropped)
        exif = {} if orientation == 1 else {"exif": jpeg.exif(orientation)}
        # Run lengths only: noise repeats nothing, and searching it for repeats takes three times as long.
        image.save(stream, "PNG", compress_type=zlib.Z_RLE, **exif)
        if file_format == "PNG" and stream.tell() > _MAX_GROWTH * len(data):
            stream = io.BytesIO()
            image.save(stream, "PNG", **exif)
    return Cleaned(stream.getvalue(), "PNG", dropped)


def _without_hidden_colors(image: Pillow.Image) -> Pillow.Image:
    """Black wherever the image is wholly transparent: a name that was erased in an editor may still be there."""
    transparency = image.info.get("transparency")
    if image.mode == "PA" or (isinstance(transparency, bytes) and transparency.count(0) > 1):
        image = image.convert("RGBA")
    if image.mode not in ("RGBA", "LA", "RGBa"):
        return image  # one color at most is transparent, and nothing can be drawn in that
    hidden = image.getchannel("A" if image.mode != "RGBa" else "a").point([255] + [0] * 255)
    shown = image.copy()
    shown.paste((0,) * len(image.getbands()), (0, 0), hidden)
    return shown


def _as_previewed(data: bytes, preview: bytes) -> Cleaned:
    """The preview, if the image has its size and one 8-bit gray value for each pixel. Raises ValueError."""
    if len(preview) > _MAX_GROWTH * len(data):
        raise ValueError("The preview was encoded without a search for repeats.")
    with Pillow.open(io.BytesIO(data)) as image, Pillow.open(io.BytesIO(preview)) as shown:
        if image.mode != "L" or image.size != shown.size or "transparency" in image.info:
            raise ValueError("A gray preview does not hold all of this image.")
    return Cleaned(preview, "PNG", names_of_metadata(data, file_format="PNG"))


def _exceeds_palette(image: Pillow.Image) -> bool:
    """Whether pixels point past the palette's end. They show as black, but Pillow would save other colors."""
    if image.mode != "P":
        return False
    _, highest = cast("tuple[int, int]", image.getextrema())
    return highest >= len(image.getpalette() or ()) // 3
