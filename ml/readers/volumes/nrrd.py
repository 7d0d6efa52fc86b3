"""NRRD with its voxels in the same file, raw or gzipped.

The header is pynrrd's; the voxels are not, as it would unpack them without a limit, and open whatever file on this
machine a header names. Key/value pairs, which 3D Slicer fills with words of the study, are not read.
"""

import io
import re
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.contracts import UnreadableImage
from ml.readers.volumes import as_nifti
from ml.readers.volumes.inflating import inflate
from ml.readers.volumes.slices import Opened

NAME = "NRRD"
_LONGEST_HEADER = 262_144
"""Bytes of the header that are read. Those of 3D Slicer take a few thousand."""
_SPACES = {
    "right-anterior-superior": (1, 1, 1),
    "left-anterior-superior": (-1, 1, 1),
    "left-posterior-superior": (-1, -1, 1),
    "ras": (1, 1, 1),
    "las": (-1, 1, 1),
    "lps": (-1, -1, 1),
}
"""Whether the axes of an anatomical space run as NIfTI's do: to the right, the front and the head. "scanner-xyz" and
the like do not say where the patient's right is."""
_MILLIMETERS = {
    **dict.fromkeys(("", "???", "none", "mm", "millimeter", "millimeters", "millimetre", "millimetres"), 1.0),
    **dict.fromkeys(("cm", "centimeter", "centimeters", "centimetre", "centimetres"), 10.0),
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), 1000.0),
    **dict.fromkeys(("um", "micron", "microns", "micrometer", "micrometers"), 0.001),
}
"""By a unit's name, which the format leaves free (section 5). A file that names none is in mm, as 3D Slicer's are."""
_ODD_UNIT = re.compile(rb"^(?:space )?units:.*[^\x00-\x7f]", re.MULTILINE)
"""pynrrd leaves out what is not ASCII: a micrometer with its Greek letter would be a meter."""
_SPATIAL = {"domain", "space", "???", "none"}
_COLORS = {"rgb-color", "rgba-color", "hsv-color", "xyz-color", "3-color", "4-color"}
_SEGMENTATION = re.compile(r"Segment\d|Segmentation_")
_DTYPES = {
    **dict.fromkeys(("signed char", "int8", "int8_t"), "i1"),
    **dict.fromkeys(("uchar", "unsigned char", "uint8", "uint8_t"), "u1"),
    **dict.fromkeys(("short", "short int", "signed short", "signed short int", "int16", "int16_t"), "i2"),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), "u2"),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t"), "i4"),
    **dict.fromkeys(("uint", "unsigned int", "uint32", "uint32_t"), "u4"),
    **dict.fromkeys(("longlong", "long long", "long long int", "signed long long", "int64", "int64_t"), "i8"),
    **dict.fromkeys(("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"), "u8"),
    "float": "f4",
    "double": "f8",
}
"""Of the format's definition (teem.sourceforge.net/nrrd/format.html), section 5."""


def open_file(data: bytes, *, max_pixels: int) -> Opened:
    """Open a volume.

    Raises UnreadableImage with code `damaged`, `derived`, `four_dimensional`, `not_gray`, `truncated`, `too_large` or
    `volume_format` (also for a unit of length that is not known), or with those of `as_nifti.opened`.
    """
    header, start = _header(data)
    for name in ("data file", "datafile"):
        if name in header:
            raise _not_read(f"its voxels are in another file ({name})")
    if _ODD_UNIT.search(data[:start]):
        raise _not_read("its unit of length is not written in ASCII")
    if any(_SEGMENTATION.match(name) for name in header):
        raise UnreadableImage("derived", "The NRRD file holds a segmentation, not an image of a scanner.")
    shape, kept = _shape(header)
    dtype = _dtype(header)
    file, offset = _voxels(data, header, start, size=int(np.prod(shape, dtype=np.float64)) * dtype.itemsize)
    axes, oriented = _directions(header, kept)
    return as_nifti.opened(
        file,
        name=NAME,
        shape=shape,
        dtype=dtype,
        offset=offset,
        axes=axes,
        oriented=oriented,
        max_pixels=max_pixels,
    )


def _header(data: bytes) -> tuple[dict[str, Any], int]:
    """The header's fields, and where it ends."""
    import nrrd  # few sites get such files

    file = io.BytesIO(data[:_LONGEST_HEADER])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            header = dict(nrrd.read_header(file))
    except Exception as error:
        raise UnreadableImage("damaged", "The NRRD file is damaged: its header cannot be read.") from error
    if missing := [name for name in ("dimension", "sizes", "type", "encoding") if name not in header]:
        raise UnreadableImage("damaged", f"The NRRD file is damaged: its header lacks {', '.join(missing)}.")
    return header, file.tell()


def _shape(header: dict[str, Any]) -> tuple[tuple[int, int, int], list[int]]:
    """The lengths of three axes, and which of the file's axes they are; -1 for the missing third one of an image."""
    sizes = [int(size) for size in header["sizes"]]
    if len(sizes) != header["dimension"] or not 2 <= len(sizes) <= 16 or min(sizes) < 1:
        raise UnreadableImage("damaged", f"The NRRD file is no volume: its header claims {sizes} voxels.")
    kinds = [str(kind).lower() for kind in header.get("kinds", ())]
    kinds += ["domain"] * (len(sizes) - len(kinds))
    for kind, size in zip(kinds, sizes, strict=False):
        if size > 1 and kind in _COLORS:
            raise UnreadableImage("not_gray", f"The NRRD file holds colors (kinds: {kind}), not gray values.")
        if size > 1 and kind not in _SPATIAL:
            raise UnreadableImage(
                "four_dimensional", f"The NRRD file holds {size:,} values a voxel (kinds: {kind}); export one of them."
            )
    kept = [axis for axis, kind in enumerate(kinds[: len(sizes)]) if kind in _SPATIAL]
    while len(kept) > 3 and 1 in (long := [sizes[axis] for axis in kept]):
        del kept[long.index(1)]
    if len(kept) > 3:
        raise UnreadableImage("four_dimensional", f"The NRRD file has {len(kept)} axes of space; export one volume.")
    if len(kept) < 2:
        raise UnreadableImage("damaged", f"The NRRD file is no volume: its header claims {sizes} voxels.")
    kept += [-1] * (3 - len(kept))
    first, second, third = (1 if axis < 0 else sizes[axis] for axis in kept)
    return (first, second, third), kept


def _dtype(header: dict[str, Any]) -> np.dtype[Any]:
    code = _DTYPES.get(str(header["type"]).lower())
    if code is None:
        raise UnreadableImage("not_gray", "The NRRD file holds no gray values (type).")
    if code.endswith("1"):
        return np.dtype(code)
    order = {"little": "<", "big": ">"}.get(str(header.get("endian", "")).lower())
    if order is None:
        raise UnreadableImage("damaged", "The NRRD file is damaged: its header does not say which endian it is.")
    return np.dtype(order + code)


def _voxels(data: bytes, header: dict[str, Any], start: int, *, size: int) -> tuple[io.BytesIO, int]:
    """A file with the voxels, inflated where they are gzipped, and where they start in it."""
    encoding = str(header["encoding"]).lower()
    lines, skip = (int(header.get(f"{what} skip", header.get(f"{what}skip", 0))) for what in ("line", "byte"))
    if encoding not in ("raw", "gzip", "gz"):
        raise _not_read("its encoding is neither raw nor gzip")
    if lines or skip < -1:
        raise _not_read("it skips lines or bytes (line skip, byte skip)")
    if encoding != "raw":
        data, start = inflate(data[start:]), 0
    return io.BytesIO(data), max(len(data) - size, start) if skip == -1 else start + skip


def _directions(header: dict[str, Any], kept: list[int]) -> tuple[NDArray[np.float64] | None, bool]:
    """(3, 3): a voxel's sides as columns, None if unknown; and whether they are directions in the patient."""
    directions = np.asarray(header.get("space directions", ()), np.float64)
    signs = _SPACES.get(str(header.get("space", "")).lower().removesuffix("-time").removesuffix("t"))
    if directions.ndim == 2 and directions.shape[1] >= 3 and len(directions) > max(kept):
        axes = np.zeros((3, 3))
        for column, axis in enumerate(kept):
            axes[:, column] = directions[axis, :3] if axis >= 0 else np.cross(axes[:, 0], axes[:, 1])
        axes *= np.reshape(_units(header, "space units", range(3)), (3, 1))
        return axes * np.reshape(signs or (-1, -1, 1), (3, 1)), signs is not None
    spacings = np.asarray(header.get("spacings", ()), np.float64)
    if len(spacings) <= max(kept):
        return None, False
    sides = [spacings[axis] if axis >= 0 else 1 for axis in kept]
    return as_nifti.UPRIGHT * sides * _units(header, "units", kept), False


def _units(header: dict[str, Any], field: str, axes: Iterable[int]) -> list[float]:
    """mm of the unit of each of these axes. Raises UnreadableImage with code `volume_format`."""
    named = [str(one).strip().lower() for one in header.get(field, ())]
    units = [_MILLIMETERS.get(named[axis]) if 0 <= axis < len(named) else 1.0 for axis in axes]
    known = [one for one in units if one is not None]
    if len(known) < len(units):
        raise _not_read(f"its unit of length ({field}) is not known")
    return known


def _not_read(why: str) -> UnreadableImage:
    return UnreadableImage(
        "volume_format", f"Not read: {why}. Save the NRRD file as one .nrrd with gzip, or as NIfTI (.nii.gz)."
    )
