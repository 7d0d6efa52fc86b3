"""TIFF files of every kind of sample, written by hand: Pillow writes only the kinds that it also reads."""

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

KINDS = {"u": 1, "i": 2, "f": 3}
DEFLATE = 8


def tiff(
    pixels: NDArray[Any],
    *,
    order: str = "<",
    big: bool = False,
    photometric: int | None = None,
    planar: bool = False,
    tile: int = 0,
    predictor: int = 0,
    **tags: int | tuple[int, ...],
) -> bytes:
    """A TIFF of `pixels`, (height, width) or (height, width, channels).

    planar: channels apart. tile: side of tiles, 0 for strips of 16 rows. predictor: 2 or 3, with Deflate. tags: further
    ones, or others in place of those that are written, as `t338=2`.
    """
    height, width = pixels.shape[:2]
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    cube = pixels.reshape(height, width, channels)
    planes = [cube[..., [n]] for n in range(channels)] if planar else [cube]
    parts = [packed(part, order, predictor) for plane in planes for part in pieces(plane, tile)]
    size = pixels.dtype.itemsize * 8
    values: dict[int, Any] = {
        256: width,
        257: height,
        258: (size,) * channels,
        259: DEFLATE if predictor else 1,
        262: photometric if photometric is not None else (2 if channels > 2 else 1),
        277: channels,
        284: 2 if planar else 1,
        339: (KINDS[pixels.dtype.kind],) * channels,
        **({322: tile, 323: tile, 324: (), 325: ()} if tile else {273: (), 278: 16, 279: ()}),
        **({317: predictor} if predictor else {}),
        **{int(name[1:]): value for name, value in tags.items()},
    }
    at, offsets = 16, []
    for part in parts:
        offsets.append(at)
        at += len(part)
    values[324 if tile else 273] = tuple(offsets)
    values[325 if tile else 279] = tuple(len(part) for part in parts)
    body = b"".join(parts)
    return header(order, big, 16 + len(body)) + body + directory(values, order, big, 16 + len(body))


def header(order: str, big: bool, start: int) -> bytes:
    mark = b"II" if order == "<" else b"MM"
    if big:
        return struct.pack(order + "2sHHHQ", mark, 43, 8, 0, start)
    return struct.pack(order + "2sHI8x", mark, 42, start)


def directory(values: dict[int, Any], order: str, big: bool, start: int) -> bytes:
    form, kind, inline = ("Q", 16, 8) if big else ("I", 4, 4)
    entries, outside = b"", b""
    behind = start + (16 + 20 * len(values) if big else 6 + 12 * len(values))
    for tag, value in sorted(values.items()):
        numbers = value if isinstance(value, tuple) else (value,)
        content = struct.pack(f"{order}{len(numbers)}{form}", *numbers)
        if len(content) > inline:
            content, outside = struct.pack(order + form, behind + len(outside)), outside + content
        entries += struct.pack(f"{order}HH{form}", tag, kind, len(numbers)) + content
    return struct.pack(order + ("Q" if big else "H"), len(values)) + entries + bytes(inline) + outside


def pieces(plane: NDArray[Any], tile: int) -> list[NDArray[Any]]:
    if not tile:
        return [plane[top : top + 16] for top in range(0, len(plane), 16)]
    height, width, channels = plane.shape
    whole = np.zeros((-(-height // tile) * tile, -(-width // tile) * tile, channels), plane.dtype)
    whole[:height, :width] = plane
    return [
        whole[top : top + tile, left : left + tile]
        for top in range(0, len(whole), tile)
        for left in range(0, whole.shape[1], tile)
    ]


def packed(part: NDArray[Any], order: str, predictor: int) -> bytes:
    size = part.dtype.itemsize
    stored = part.astype(part.dtype.newbyteorder("<" if order == "<" else ">"))
    if not predictor:
        return stored.tobytes()
    if predictor == 2:
        words = part.copy().view(f"u{size}")
        words[:, 1:] -= words[:, :-1].copy()
        return zlib.compress(words.astype(f"{order}u{size}").tobytes())
    height, _, channels = part.shape
    lanes = np.frombuffer(part.astype(part.dtype.newbyteorder(">")).tobytes(), np.uint8).reshape(height, -1, size)
    rows = np.ascontiguousarray(lanes.transpose(0, 2, 1)).reshape(height, -1)
    rows[:, channels:] -= rows[:, :-channels].copy()
    return zlib.compress(rows.tobytes())
