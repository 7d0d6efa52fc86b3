"""The first directory of a TIFF, as far as it says how the pixels are stored (TIFF 6.0, and BigTIFF).

Pillow parses the same, but rejects a directory whose kind of pixels it has no mode for, and then cannot be asked.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
FILL_ORDER, STRIP_OFFSETS, ORIENTATION, SAMPLES, ROWS_PER_STRIP, STRIP_COUNTS = 266, 273, 274, 277, 278, 279
PLANAR, PREDICTOR, TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_COUNTS = 284, 317, 322, 323, 324, 325
EXTRA_SAMPLES, SAMPLE_FORMAT = 338, 339

_WANTED = frozenset(
    [WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER, STRIP_OFFSETS, ORIENTATION, SAMPLES, ROWS_PER_STRIP]
) | {STRIP_COUNTS, PLANAR, PREDICTOR, TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_COUNTS, EXTRA_SAMPLES, SAMPLE_FORMAT}
_TYPES = {1: "u1", 3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}
"""NumPy's type for each field type that holds whole numbers."""
_LONG = 4
_MAX_PAGES = 10_000
_MAX_ENTRIES = 65_535

Numbers = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Directory:
    """big: BigTIFF. order: "<" or ">". values: by tag, never empty. present: all tags. pages: number of directories."""

    big: bool
    order: str
    values: dict[int, Numbers] = field(repr=False)
    present: frozenset[int]
    pages: int

    def first(self, tag: int, default: int) -> int:
        return int(self.values[tag][0]) if tag in self.values else default


def parse(data: bytes) -> Directory:
    """Raises ValueError if the directory is absent or cut off, or lacks the image's size."""
    big = data[2:4] in (b"\x2b\x00", b"\x00\x2b")
    layout = _Layout("<" if data[:2] == b"II" else ">", big)
    try:
        start = layout.offset(data, 8 if big else 4)
        present, values = set(), {}
        for tag, numbers in layout.entries(data, start):
            present.add(tag)
            if numbers is not None and len(numbers):
                values[tag] = numbers
        if WIDTH not in values or LENGTH not in values:
            raise ValueError("no size")
        return Directory(big, layout.order, values, frozenset(present), layout.pages(data, start))
    except struct.error as error:
        raise ValueError("cut off") from error


def replaced(data: bytes, values: dict[int, Numbers]) -> bytes:
    """The file with `values` in place of its first directory. That is appended; the pixels stay where they are.

    The directory is a classic little-endian one, whatever the file's was: Pillow reads no big-endian BigTIFF.
    """
    layout = _Layout("<", big=False)
    start = len(data) + len(data) % 2
    outside_at, entries, outside = start + layout.size(len(values)), [], []
    for tag, numbers in sorted(values.items()):
        packed = numbers.astype("<u4").tobytes()
        entries.append(struct.pack("<HHI", tag, _LONG, len(numbers)))
        if len(packed) > layout.inline:
            outside.append(packed)
            entries.append(struct.pack("<I", outside_at))
            outside_at += len(packed)
        else:
            entries.append(packed)
    header, count = struct.pack("<2sHI", b"II", 42, start), struct.pack("<H", len(values))
    return b"".join([header, data[len(header) :], bytes(len(data) % 2), count, *entries, bytes(4), *outside])


@dataclass(frozen=True, slots=True)
class _Layout:
    """Widths of a directory's fields: 4-byte offsets in a classic TIFF, 8-byte ones in a BigTIFF."""

    order: str
    big: bool

    @property
    def word(self) -> str:
        return "Q" if self.big else "I"

    @property
    def count(self) -> str:
        return "Q" if self.big else "H"

    @property
    def inline(self) -> int:
        return 8 if self.big else 4

    def size(self, entries: int) -> int:
        """Bytes of a directory."""
        return (8 + 20 * entries + 8) if self.big else (2 + 12 * entries + 4)

    def offset(self, data: bytes, at: int) -> int:
        return int(struct.unpack_from(self.order + self.word, data, at)[0])

    def length(self, data: bytes, start: int) -> int:
        """Number of entries of the directory at `start`."""
        count = int(struct.unpack_from(self.order + self.count, data, start)[0]) if start else 0
        if not 0 < count <= _MAX_ENTRIES:
            raise ValueError("no directory")
        return count

    def entries(self, data: bytes, start: int) -> Iterator[tuple[int, Numbers | None]]:
        """Each tag, with its numbers if it is one of _WANTED."""
        for number in range(self.length(data, start)):
            at = start + (8 + 20 * number if self.big else 2 + 12 * number)
            tag, field_type = struct.unpack_from(self.order + "HH", data, at)
            if tag not in _WANTED or field_type not in _TYPES:
                yield tag, None
                continue
            dtype, count, value_at = (
                np.dtype(self.order + _TYPES[field_type]),
                self.offset(data, at + 4),
                at + 4 + self.inline,
            )
            if count * dtype.itemsize > self.inline:
                value_at = self.offset(data, value_at)
            if count * dtype.itemsize > len(data) - value_at:
                raise ValueError("value outside the file")
            yield tag, np.frombuffer(data, dtype, count, value_at)

    def pages(self, data: bytes, start: int) -> int:
        seen: set[int] = set()
        while start and start not in seen and len(seen) < _MAX_PAGES:
            seen.add(start)
            try:
                start = self.offset(data, start + self.size(self.length(data, start)) - self.inline)
            except (ValueError, struct.error):  # damage in a further page does not harm the first
                break
        return len(seen)
