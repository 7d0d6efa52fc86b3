"""TIFF: most of it through Pillow, samples beyond 8 unsigned bits through `tiff_samples`.

A variant that nobody here decodes is named, so that it is not taken for damage.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL.TiffImagePlugin import COMPRESSION_INFO

from ml.contracts import UnreadableImage
from ml.readers.raster import deep, tiff_samples
from ml.readers.raster import tiff_directory as tags
from ml.readers.raster.tiff_directory import Directory

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_PHOTOMETRIC = {
    0: "WhiteIsZero",
    1: "BlackIsZero",
    2: "RGB",
    3: "a palette",
    4: "a transparency mask",
    5: "CMYK",
    6: "YCbCr",
    8: "CIELab",
    9: "ICCLab",
    10: "ITULab",
    32803: "a camera's color filters",
    32844: "LogL",
    32845: "LogLuv",
    34892: "a camera's raw values",
}
_COMPRESSION = {
    6: "old-style JPEG",
    7: "JPEG",
    9: "JBIG",
    10: "JBIG",
    34676: "SGI LogLuv",
    34677: "SGI LogLuv",
    34712: "JPEG 2000",
    34887: "LERC",
    34892: "lossy JPEG",
    50001: "WebP",
    50002: "JPEG XL",
    52546: "JPEG XL",
}
_UNASSOCIATED = 2
"""Of Extra Samples: opacity that has not been multiplied into the colors."""
_GRAY_AND_OPACITY = 2
"""Samples of a pixel of a gray image, at most."""


def directory_of(data: bytes) -> Directory:
    """Raises UnreadableImage with code `damaged`."""
    try:
        return tags.parse(data)
    except ValueError as error:
        raise UnreadableImage("damaged", "The TIFF file is damaged: its first directory cannot be read.") from error


def check(directory: Directory) -> None:
    """Raises UnreadableImage with code `variant_not_read` if the compression is one that is not decoded or a gray image
    has several gray values a pixel, and `too_many_tiles`."""
    tiles = max(len(directory.values.get(tag, ())) for tag in (tags.TILE_OFFSETS, tags.STRIP_OFFSETS))
    if tiles > MAX_TILES:
        raise UnreadableImage(
            "too_many_tiles", f"The TIFF file is in {tiles:,} strips or tiles; at most {MAX_TILES:,} are read."
        )
    compression = directory.first(tags.COMPRESSION, 1)
    if compression not in COMPRESSION_INFO or COMPRESSION_INFO[compression] in _UNDECODED:
        raise not_read(directory)
    if _is_gray(directory) and directory.first(tags.SAMPLES, 1) > _GRAY_AND_OPACITY:
        raise not_read(directory)  # nothing says which of them is the image
    kind, bits = tiff_samples.sample_format(directory)
    if compression not in tiff_samples.COMPRESSIONS and (bits > 8 or kind != "u" or _gray_apart(directory)):
        raise not_read(directory)


MAX_TILES = 50_000
"""A row of the longest image each would be fewer."""
_UNDECODED = frozenset(["tiff_sgilog", "tiff_sgilog24", "tiff_thunderscan", "webp"])
"""What Pillow names but its libtiff is not built to decode, or decodes to other than gray or RGB."""


def _is_gray(directory: Directory) -> bool:
    return directory.first(tags.PHOTOMETRIC, 0) in (_WHITE_IS_ZERO, _BLACK_IS_ZERO)


def _gray_apart(directory: Directory) -> bool:
    """Whether gray and opacity are stored apart; Pillow takes one for the other."""
    return _is_gray(directory) and directory.first(tags.PLANAR, 1) == 2 and directory.first(tags.SAMPLES, 1) > 1


def is_deep(directory: Directory) -> bool:
    """Whether it needs `read`: gray or RGB beyond unsigned bytes and parts of bytes, or as Pillow misreads it."""
    kind, bits = tiff_samples.sample_format(directory)
    gray_or_rgb = directory.first(tags.PHOTOMETRIC, 0) in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB)
    stored = directory.first(tags.COMPRESSION, 1) in tiff_samples.COMPRESSIONS
    unreadable = directory.big and directory.order == ">" and bits == 8  # Pillow takes its header for a classic one
    return gray_or_rgb and stored and (bits > 8 or kind in ("i", "f") or unreadable or _gray_apart(directory))


def read(data: bytes, directory: Directory, *, max_pixels: int) -> tuple[Pillow.Image, tuple[str, ...]]:
    """The image as it is stored (not turned), and notes on it; see `deep.image`.

    Raises UnreadableImage with code `variant_not_read` or `too_many_pixels`, and whatever Pillow raises.
    """
    try:
        channels = tiff_samples.read(data, directory, max_pixels=max_pixels)
        photometric = directory.first(tags.PHOTOMETRIC, 0)
        colors = channels[: 3 if photometric == _RGB else 1]
        if photometric == _RGB and len(colors) < 3:
            raise ValueError("too few channels")
    except ValueError as error:
        raise not_read(directory) from error
    extra = channels[len(colors) :]
    kinds = directory.values.get(tags.EXTRA_SAMPLES, np.full(1, _UNASSOCIATED if photometric == _RGB else 0))
    opacity = next((one for one, kind in zip(extra, kinds, strict=False) if kind == _UNASSOCIATED), None)
    _, bits = tiff_samples.sample_format(directory)
    if photometric == _WHITE_IS_ZERO:
        colors = [_inverted(colors[0], bits)]
    return deep.image(colors, opacity, bits=bits)


def _inverted(plane: NDArray[Any], bits: int) -> NDArray[Any]:
    """WhiteIsZero: the lowest number is the brightest."""
    if plane.dtype.kind == "u":
        inverted: NDArray[Any] = np.array(2**bits - 1, plane.dtype) - plane
        return inverted
    return ~plane if plane.dtype.kind == "i" else -plane


def not_read(directory: Directory) -> UnreadableImage:
    """The refusal that names the variant."""
    compression = directory.first(tags.COMPRESSION, 1)
    photometric = directory.first(tags.PHOTOMETRIC, 0)
    named = _COMPRESSION.get(compression, COMPRESSION_INFO.get(compression, f"number {compression}"))
    bits = "/".join(str(int(value)) for value in directory.values.get(tags.BITS, np.ones(1))[:4])
    colors = _PHOTOMETRIC.get(photometric, f"number {photometric}")
    samples = directory.first(tags.SAMPLES, 1)
    if _is_gray(directory) and samples > _GRAY_AND_OPACITY:
        colors += f" with {samples} samples a pixel"
    return UnreadableImage(
        "variant_not_read",
        f"This variant of TIFF is not read (compression: {named}; colors: {colors}; bits of a sample: {bits}). Save it "
        "as a gray TIFF with 8 or 16 bits and without compression, or as PNG.",
    )
