"""A TIFF's samples as numbers, also of kinds that Pillow has no mode for or would cut to 8 bits.

Pillow knows no 16-bit floats, 64-bit numbers or 16-bit alpha, takes signed bytes for unsigned ones, does not invert
WhiteIsZero beyond 8 bits, and keeps only the upper byte of each of three 16-bit channels. So it is asked for less: the
directory is replaced by one that describes the same strips or tiles as rows of plain bytes, which Pillow and libtiff
decompress within their limits. What the bytes mean is worked out here. tifffile was no way around it: without its
80 MB companion imagecodecs it reads neither LZW nor predictors, and it inflates without limit.
"""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from ml.contracts import UnreadableImage
from ml.readers.raster import tiff_directory as tags
from ml.readers.raster.tiff_directory import Directory, Numbers

_NONE, _LZW, _DEFLATE, _PACKBITS, _OLD_DEFLATE, _LZMA, _ZSTD = 1, 5, 8, 32773, 32946, 34925, 50000
COMPRESSIONS = frozenset([_NONE, _LZW, _DEFLATE, _PACKBITS, _OLD_DEFLATE, _LZMA, _ZSTD])
"""Those that store the samples' own bytes (not JPEG, and not the fax codes of 1-bit images)."""
_PREDICTED = COMPRESSIONS - {_NONE, _PACKBITS}
_NUMPY_KINDS = {1: "u", 2: "i", 3: "f", 4: "u"}
"""NumPy's kind for each Sample Format; 4 is "undefined"."""
_BYTES = 6
"""Bytes per pixel, of all samples, up to which an image of the largest size is read."""


def sample_format(directory: Directory) -> tuple[str, int]:
    """NumPy's kind (u, i, f) and the number of bits of the samples; ("", 0) if they differ or are no such numbers."""
    bits = {int(value) for value in directory.values.get(tags.BITS, np.ones(1))[: _channels(directory)]}
    formats = {int(value) for value in directory.values.get(tags.SAMPLE_FORMAT, np.ones(1))}
    if len(bits) != 1 or len(formats) != 1 or not formats <= set(_NUMPY_KINDS):
        return "", 0
    return _NUMPY_KINDS[formats.pop()], bits.pop()


def read(data: bytes, directory: Directory, *, max_pixels: int) -> list[NDArray[Any]]:
    """The channels, each (height, width), of a directory whose compression is one of COMPRESSIONS.

    They have the type that the file gives them, in this machine's byte order; whole numbers of 9 to 15 bits are uint16.

    Raises UnreadableImage with code `too_many_pixels`, ValueError for a kind of number that is not read, and whatever
    Pillow raises for damaged data.
    """
    kind, bits = sample_format(directory)
    if (kind, bits) not in _READ:
        raise ValueError(f"{bits}-bit samples")
    width, height, channels = directory.first(tags.WIDTH, 0), directory.first(tags.LENGTH, 0), _channels(directory)
    separate = directory.first(tags.PLANAR, 1) == 2
    together = 1 if separate else channels
    tile = directory.first(tags.TILE_WIDTH, width) if tags.TILE_OFFSETS in directory.values else width
    padded = -(-width // max(tile, 1)) * tile
    if tile < 1 or (tile * together * bits % 8 and tile != width):
        raise ValueError("tiles that end within a byte")
    row = -(-padded * together * bits // 8)
    if row * height * (channels if separate else 1) > _BYTES * max_pixels:
        raise UnreadableImage(
            "too_many_pixels", f"The TIFF file's samples take more than {_BYTES * max_pixels // 1_000_000} MB."
        )
    found: list[NDArray[Any]] = []
    for plane in range(channels if separate else 1):
        rows = _plain_bytes(data, directory, row=row, tile=tile * together * bits // 8, plane=plane if separate else -1)
        pixels = _numbers(rows, directory, tile=tile, samples=together).reshape(height, padded, together)
        found += [pixels[:, :width, channel] for channel in range(together)]
    return found


_READ = frozenset([("u", bits) for bits in (8, 10, 12, 14, 16, 32, 64)]) | frozenset(
    [*(("i", bits) for bits in (8, 16, 32, 64)), *(("f", bits) for bits in (16, 32, 64))]
)


def _channels(directory: Directory) -> int:
    return max(directory.first(tags.SAMPLES, 1), 1)


def _plain_bytes(data: bytes, directory: Directory, *, row: int, tile: int, plane: int) -> NDArray[np.uint8]:
    """The decompressed bytes, (height, row). plane: which of the channels that are stored apart; -1: all together."""
    values: dict[int, Numbers] = {
        tag: np.array([value])
        for tag, value in (
            (tags.WIDTH, row),
            (tags.LENGTH, directory.first(tags.LENGTH, 0)),
            (tags.BITS, 8),
            (tags.COMPRESSION, directory.first(tags.COMPRESSION, _NONE)),
            (tags.PHOTOMETRIC, 1),
            (tags.FILL_ORDER, directory.first(tags.FILL_ORDER, 1)),
            (tags.SAMPLES, 1),
        )
    }
    if tags.TILE_OFFSETS in directory.values:
        offsets, counts = tags.TILE_OFFSETS, tags.TILE_COUNTS
        values |= {tags.TILE_WIDTH: np.array([tile]), tags.TILE_LENGTH: directory.values[tags.TILE_LENGTH]}
    else:
        offsets, counts = tags.STRIP_OFFSETS, tags.STRIP_COUNTS
        rows = min(directory.first(tags.ROWS_PER_STRIP, 2**31), directory.first(tags.LENGTH, 0))
        values[tags.ROWS_PER_STRIP] = np.array([rows])
    for tag in (offsets, counts):
        if tag in directory.values:
            parts = directory.values[tag]
            each = len(parts) // _channels(directory)
            values[tag] = parts if plane < 0 else parts[plane * each : (plane + 1) * each]
    plain = tags.replaced(data, values)
    with Pillow.open(io.BytesIO(plain), formats=["TIFF"]) as image:
        return np.asarray(image)


def _numbers(rows: NDArray[np.uint8], directory: Directory, *, tile: int, samples: int) -> NDArray[Any]:
    """Rows of bytes as rows of samples, with the predictor undone. tile: width in pixels, the row's without tiles."""
    kind, bits = sample_format(directory)
    predictor = directory.first(tags.PREDICTOR, 1) if directory.first(tags.COMPRESSION, 1) in _PREDICTED else 1
    height = len(rows)
    if bits % 8:
        if predictor != 1:
            raise ValueError("a predictor of samples that end within a byte")
        return _unpacked(rows, bits)
    size = bits // 8
    if predictor == 3:
        summed = np.cumsum(rows.reshape(height, -1, tile * size, samples), axis=2, dtype=np.uint8)
        lanes = summed.reshape(height, -1, size, tile * samples)  # all first bytes of a tile's row, all second ones …
        return np.ascontiguousarray(lanes.transpose(0, 1, 3, 2)).view(f">{kind}{size}").astype(f"{kind}{size}")
    words = rows.view(f"{directory.order}u{size}").astype(f"u{size}")
    if predictor == 2:
        words = np.cumsum(words.reshape(height, -1, tile, samples), axis=2, dtype=words.dtype)
    elif predictor != 1:
        raise ValueError(f"predictor {predictor}")
    return words.view(f"{kind}{size}")


def _unpacked(rows: NDArray[np.uint8], bits: int) -> NDArray[np.uint16]:
    """Samples of 9 to 15 bits; each row starts with a new byte, the highest bit first."""
    count = rows.shape[1] * 8 // bits
    found = np.empty((len(rows), count), np.uint16)
    weights = (1 << np.arange(bits - 1, -1, -1)).astype(np.uint16)
    for number, row in enumerate(rows):
        found[number] = np.unpackbits(row)[: count * bits].reshape(count, bits) @ weights
    return found
