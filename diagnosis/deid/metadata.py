"""Names for the kinds of metadata that an image file holds, as `deid_report` shows what was left out.

Only a report: the rewritten file starts empty and does not depend on what is recognized here.
"""

import io
import struct
from collections.abc import Iterator

from PIL import Image as Pillow

from ml.readers.raster import tiff_directory

_PNG_SIGNATURE_LENGTH = 8
_PNG_IMAGE = frozenset([b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"])
_PNG_CHUNKS = {
    b"eXIf": "EXIF", b"iCCP": "color profile", b"tIME": "time", b"tEXt": "text", b"zTXt": "text", b"iTXt": "text",
    b"acTL": "further images", b"fcTL": "further images", b"fdAT": "further images",
}  # fmt: skip
_TIFF_STRUCTURE = frozenset(
    [*range(254, 260), 262, 263, 266, 273, 274, *range(277, 285), 292, 293, 296, 297, 301, *range(317, 326)]
) | frozenset([332, 334, 336, 338, 339, 340, 341, 347, *range(512, 522), *range(529, 533)])
"""TIFF tags that describe how pixels are stored."""
_TIFF_TAGS = {
    700: "XMP",
    33723: "IPTC",
    34377: "Photoshop data",
    34665: "EXIF",
    34675: "color profile",
    34853: "EXIF",
}
_INFO = {
    "exif": "EXIF",
    "xmp": "XMP",
    "icc_profile": "color profile",
    "comment": "comment",
    "photoshop": "Photoshop data",
    "extension": "other data",
}
"""By the key in Pillow's `info`."""


def names_of_metadata(data: bytes, *, file_format: str) -> tuple[str, ...]:
    """Kinds of metadata in an image file, in alphabetical order. file_format: as `ml.readers.sniff` names it."""
    if file_format == "PNG":
        return tuple(sorted(set(_png_metadata(data))))
    if file_format == "TIFF":
        directory = tiff_directory.parse(data)
        found = {_TIFF_TAGS.get(tag, "text and other tags") for tag in directory.present - _TIFF_STRUCTURE}
        pages = directory.pages
    else:
        with Pillow.open(io.BytesIO(data), formats=[file_format]) as image:
            found = {_INFO[key] for key in image.info if key in _INFO}
            pages = getattr(image, "n_frames", 1)
    return tuple(sorted(found | ({"further images"} if pages > 1 else set())))


def _png_metadata(data: bytes) -> Iterator[str]:
    at, chunk = _PNG_SIGNATURE_LENGTH, b""
    while chunk != b"IEND" and at + 8 <= len(data):
        length, chunk = struct.unpack_from(">I4s", data, at)
        at += 12 + length
        if chunk not in _PNG_IMAGE:
            yield _PNG_CHUNKS.get(chunk, "other data")
    if at < len(data):
        yield "trailing bytes"
