"""A PNG's own parts: size, palette, transparency and pixels.

All other chunks are left out, also those that tell a screen about gamma and color, which no reader here looks at. The
compressed pixels stay as they are, unless something stands behind them.
"""

import struct
import zlib

from diagnosis.deid.exif import exif

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""By color type."""
_TRANSPARENCY = {0: 2, 2: 6, 3: 256}
"""Bytes of tRNS at most, by color type."""
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column and row, and steps to the next, of the seven passes of an interlaced picture."""
_KINDS = {b"eXIf": "EXIF", b"iCCP": "color profile", b"tIME": "time", b"tEXt": "text", b"zTXt": "text", b"iTXt": "text"}
_ANIMATION = (b"acTL", b"fcTL", b"fdAT")
_PIECE = 1 << 20
"""Bytes that are inflated at once."""

Part = bytes | memoryview
"""Of the file: large ones are looked at where they lie, as a copy of each would be tens of megabytes."""


def stripped(data: bytes, orientation: int) -> tuple[bytes, frozenset[str]]:
    """The same PNG with its picture only, and the kinds of data that were left out. orientation: EXIF's, 1 to 8.

    Raises ValueError: its chunks cannot be followed to the end, or do not make one picture.
    """
    parts: dict[bytes, bytes] = {}
    packed: list[Part] = []
    view, dropped, at = memoryview(data), set(), len(_SIGNATURE)
    while True:
        length, kind = struct.unpack(">I4s", data[at : at + 8].ljust(8, b"\xff"))
        body = view[at + 8 : at + 8 + length]
        if len(body) != length:
            raise ValueError("chunk without end")
        at += 12 + length
        if kind == b"IEND":
            break
        if kind == b"IDAT":
            packed.append(body)
        elif kind in (b"IHDR", b"PLTE", b"tRNS"):
            parts[kind] = bytes(body)
        else:
            dropped.add("further pictures" if kind in _ANIMATION else _KINDS.get(kind, "other data"))
    if at < len(data):
        dropped.add("trailing bytes")
    header = parts[b"IHDR"] if len(parts.get(b"IHDR", b"")) == 13 else None
    if header is None or header[9] not in _CHANNELS:
        raise ValueError("no header")
    pixels, exact = _exact(packed, _raw_size(header))
    if not exact:
        dropped.add("trailing bytes")
    kept = [_SIGNATURE, *_chunk(b"IHDR", header)]
    if orientation != 1:
        kept += _chunk(b"eXIf", exif(orientation))
    if b"PLTE" in parts and header[9] == 3:
        kept += _chunk(b"PLTE", parts[b"PLTE"][:768])
    if b"tRNS" in parts and header[9] in _TRANSPARENCY:
        kept += _chunk(b"tRNS", parts[b"tRNS"][: _TRANSPARENCY[header[9]]])
    kept += [part for body in pixels for part in _chunk(b"IDAT", body)]
    return b"".join([*kept, *_chunk(b"IEND", b"")]), frozenset(dropped)


def _raw_size(header: bytes) -> int:
    """Bytes that the pixels inflate to: one for the filter before each row."""
    width, height, depth, color, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    bits = depth * _CHANNELS[color]
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    sizes = [(-(-(width - x) // dx), -(-(height - y) // dy)) for x, y, dx, dy in passes if width > x and height > y]
    return sum(rows * (1 + -(-columns * bits // 8)) for columns, rows in sizes)


def _exact(packed: list[Part], size: int) -> tuple[list[Part], bool]:
    """The compressed pixels, and whether they are as they were: what goes beyond `size` bytes, or stands behind the
    stream, is cut off."""
    stream, inflated, behind = zlib.decompressobj(), 0, False
    for piece in (body[at : at + _PIECE] for body in packed for at in range(0, len(body), _PIECE)):
        behind = behind or stream.eof
        rest: Part = piece
        while inflated <= size and not stream.eof:
            found = len(stream.decompress(rest, _PIECE))
            rest = stream.unconsumed_tail
            if not found and not rest:
                break
            inflated += found
    if stream.eof and inflated == size and not stream.unused_data and not behind:
        return packed, True
    return [zlib.compress(zlib.decompressobj().decompress(b"".join(packed), size))], False


def _chunk(kind: bytes, body: Part) -> list[Part]:
    return [struct.pack(">I", len(body)), kind, body, struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))]
