"""A JPEG reduced to the segments that draw its picture.

Other formats are decoded and encoded again. A JPEG would either lose quality or, as PNG, take 2.6 times the space (ADR
11), so its tables, frame and scans are copied byte for byte, and no other segment is. The two application segments that
say how colors are coded (JFIF and Adobe) are written anew, as they may hold a thumbnail or trailing text.
"""

import struct

from PIL import Image as Pillow

_SOI, _EOI, _SOS, _COM = 0xD8, 0xD9, 0xDA, 0xFE
_DRAWING = frozenset([*range(0xC0, 0xC4), 0xC4, *range(0xC5, 0xC8), *range(0xC9, 0xD0), _SOS, 0xDB, 0xDD])
"""Frames (SOF), Huffman and arithmetic tables, scans, quantization tables, restart interval."""
_BARE = frozenset([0x01, *range(0xD0, 0xD9)])
"""Markers without a length."""
_JFIF = b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
"""Version 1.1, square pixels, no thumbnail."""


_ORIENTATION = 0x0112


def exif(orientation: int) -> bytes:
    """An EXIF block that says nothing but the orientation, 1 to 8."""
    block = Pillow.Exif()
    block[_ORIENTATION] = orientation
    return block.tobytes()


def stripped(data: bytes, *, orientation: int) -> tuple[bytes, frozenset[str]]:
    """The JPEG with nothing but its picture, and which kinds of data were left out. orientation: EXIF's, 1 to 8.

    Raises ValueError if its segments cannot be followed to the end.
    """
    kept, dropped = [bytes([0xFF, _SOI])], set()
    if orientation != 1:
        kept.append(_segment(0xE1, exif(orientation)))
    at = 2
    while True:
        marker, at = _next_marker(data, at)
        if marker == _EOI:
            break
        if marker in _BARE:
            continue
        length = int.from_bytes(data[at : at + 2], "big")
        body = data[at + 2 : at + length]
        if length < 2 or len(body) != length - 2:
            raise ValueError("segment without end")
        at += length
        if marker in _DRAWING:
            kept.append(_segment(marker, body))
        elif marker == 0xE0 and body.startswith(b"JFIF\0"):
            kept.insert(1, _segment(marker, _JFIF))
            dropped |= {"thumbnail"} if len(body) > len(_JFIF) else set()
        elif marker == 0xEE and body.startswith(b"Adobe") and len(body) >= 12:
            kept.append(_segment(marker, b"Adobe\0\x64\0\0\0\0" + body[11:12]))
        else:
            dropped.add(_metadata_name(marker, body))
        if marker == _SOS:
            end = _end_of_scan(data, at)
            kept.append(data[at:end])
            at = end
    if at < len(data):
        dropped.add("trailing bytes")
    return b"".join([*kept, bytes([0xFF, _EOI])]), frozenset(dropped)


def _next_marker(data: bytes, at: int) -> tuple[int, int]:
    """The next marker and the offset after it. Stray bytes before it are skipped, as decoders do."""
    at = data.find(b"\xff", at)
    while 0 <= at < len(data) - 1:
        if data[at + 1] not in (0x00, 0xFF):
            return data[at + 1], at + 2
        at = data.find(b"\xff", at + 1)
    raise ValueError("no end of image")


def _end_of_scan(data: bytes, at: int) -> int:
    """Where the entropy-coded data ends: at the first marker that is neither a stuffed byte nor a restart."""
    while (at := data.find(b"\xff", at)) >= 0 and at + 1 < len(data):
        if data[at + 1] == 0xFF:
            at += 1
        elif data[at + 1] == 0x00 or 0xD0 <= data[at + 1] <= 0xD7:
            at += 2
        else:
            return at
    raise ValueError("scan without end")


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
        (b"MPF", "further pictures"),
        (b"JFXX", "thumbnail"),
    ):
        if body.startswith(start):
            return name
    return "other data"
