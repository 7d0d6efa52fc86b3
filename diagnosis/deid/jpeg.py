"""A JPEG reduced to the segments that draw its image.

Other formats are decoded and encoded again. A JPEG would either lose quality or, as PNG, take 2.6 times the space (ADR
11), so its tables, frame and scans are copied byte for byte, and no other segment is. The two application segments that
say how colors are coded (JFIF and Adobe) are rewritten, as they may hold a thumbnail or trailing text.
"""

import struct

from PIL import Image as Pillow

from ml.readers.raster import jpeg
from ml.readers.raster.orientation import EXIF_TAG

_COM = 0xFE
_DRAWING = frozenset([*range(0xC0, 0xC4), 0xC4, *range(0xC5, 0xC8), *range(0xC9, 0xD0), jpeg.SOS, 0xDB, 0xDD])
"""Frames (SOF), Huffman and arithmetic tables, scans, quantization tables, restart interval."""
_JFIF = b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
"""Version 1.1, square pixels, no thumbnail."""


def exif(orientation: int) -> bytes:
    """An EXIF block that says nothing but the orientation, 1 to 8."""
    block = Pillow.Exif()
    block[EXIF_TAG] = orientation
    return block.tobytes()


def stripped(data: bytes, *, orientation: int) -> tuple[bytes, frozenset[str]]:
    """The JPEG with nothing but its image, and which kinds of data were left out. orientation: EXIF's, 1 to 8.

    Raises ValueError if its segments cannot be followed to the end, and what `jpeg.completed` raises.
    """
    whole = jpeg.completed(data)
    kept, dropped = [bytes([0xFF, jpeg.SOI])], set()
    if orientation != 1:
        kept.append(_segment(0xE1, exif(orientation)))
    end = 0
    for segment in jpeg.segments(whole):
        marker, body, end = segment.marker, whole[segment.start : segment.end], segment.scan_end
        if marker in _DRAWING:
            kept += [_segment(marker, body), whole[segment.end : segment.scan_end]]
        elif marker == 0xE0 and body.startswith(b"JFIF\0"):
            kept.insert(1, _segment(marker, _JFIF))
            dropped |= {"thumbnail"} if len(body) > len(_JFIF) else set()
        elif marker == 0xEE and body.startswith(b"Adobe") and len(body) >= 12:
            kept.append(_segment(marker, b"Adobe\0\x64\0\0\0\0" + body[11:12]))
        elif marker != jpeg.EOI:
            dropped.add(_metadata_name(marker, body))
    if end < len(whole):
        dropped.add("trailing bytes")
    return b"".join([*kept, bytes([0xFF, jpeg.EOI])]), frozenset(dropped)


def _segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def _metadata_name(marker: int, body: bytes) -> str:
    if marker == _COM:
        return "comment"
    for start, name in (
        (b"Exif", "EXIF"),
        (b"http://ns.adobe.com/", "XMP"),
        (b"ICC_PROFILE", "color profile"),
        (b"Photoshop", "Photoshop data"),
        (b"MPF", "further images"),
        (b"JFXX", "thumbnail"),
    ):
        if body.startswith(start):
            return name
    return "other data"
