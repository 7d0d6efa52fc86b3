"""NIfTI-1 and NIfTI-2, one volume in one file.

Header fields are read one by one and not as nibabel checks them: converters leave many a field empty or broken, which
takes nothing from the voxels. What cannot be used is left out, and a note says so.
"""

import io
import logging
import math
from typing import Any

import nibabel as nib
import numpy as np

from ml.contracts import UnreadableImage
from ml.readers.volumes import affine, slices
from ml.readers.volumes.slices import Opened

_array_proxy: Any = nib.arrayproxy.ArrayProxy  # nibabel has no types
_HEADERS: dict[str, Any] = {"NIfTI-1": nib.Nifti1Header, "NIfTI-2": nib.Nifti2Header}
logging.getLogger("nibabel.global").setLevel(logging.CRITICAL + 1)  # it quotes the header, which may name the patient

_MAGIC_2 = b"n+2\0\r\n\x1a\n"
"""Of NIfTI-2; the line ends in it show whether a transfer has changed them."""
_SINGLE_OFFSET = {348: 352, 540: 544}
"""Where voxels start at the earliest, by the header's size: four bytes tell of extensions."""
_NOT_GRAY = {
    1: "one bit a voxel: a mask",
    32: "complex numbers",
    1792: "complex numbers",
    2048: "complex numbers",
    128: "colors (RGB)",
    2304: "colors (RGBA)",
}
"""By datatype (nifti1.h)."""
_NOT_IMAGES = {
    1001: "estimates of a parameter",
    1002: "a label map",
    1003: "a label map",
    1004: "matrices",
    1005: "matrices",
    1006: "displacements",
    1007: "vectors",
    1008: "points",
    1009: "triangles",
    1010: "quaternions",
    2002: "indices of nodes",
    2003: "colors (RGB)",
    2004: "colors (RGBA)",
    2005: "a shape",
    **dict.fromkeys(range(2, 25), "a statistical map"),
    **dict.fromkeys(range(2006, 2019), "coefficients of a field"),
    **dict.fromkeys(range(3000, 3100), "CIFTI data"),
}
"""By intent_code (nifti1.h, and the codes of FSL and CIFTI): what is no image of a scanner."""


def open_file(data: bytes, *, max_pixels: int) -> Opened:
    """Open a volume that is not gzipped.

    Raises UnreadableImage with code `damaged`, `truncated`, `derived`, `four_dimensional` or `not_gray`, or
    with those of `slices.opened`.
    """
    name = "NIfTI-1" if data[344:347] == b"n+1" else "NIfTI-2"
    if name == "NIfTI-2" and data[4:12] != _MAGIC_2:
        raise UnreadableImage(
            "damaged", "The NIfTI-2 file is damaged: its line ends were changed, as by a transfer in text mode."
        )
    try:
        header = _HEADERS[name](data[: _HEADERS[name].sizeof_hdr], check=False)
    except Exception as error:
        raise UnreadableImage("damaged", f"The {name} file is damaged: its header cannot be read.") from error
    intent = int(header["intent_code"])
    if intent in _NOT_IMAGES:
        raise UnreadableImage(
            "derived", f"The {name} file holds {_NOT_IMAGES[intent]} (intent_code {intent}), not an image of a scanner."
        )
    shape, dtype = _shape(header, name), _dtype(header, name)
    offset = _offset(header, name)
    needed, there = math.prod(shape) * dtype.itemsize, max(len(data) - offset, 0)
    if there < needed:
        raise UnreadableImage(
            "truncated",
            f"The {name} file is cut off: its voxels take {needed:,} bytes (dim, datatype), and {there:,} are there.",
        )
    slope, inter, notes = _scaling(header)
    voxels = _array_proxy(io.BytesIO(data), (shape, dtype, offset, slope, inter))
    lying = affine.of_file(header)
    return slices.opened(header, voxels, name=name, lying=lying, notes=notes, max_pixels=max_pixels)


def _shape(header: Any, name: str) -> tuple[int, ...]:
    """The lengths of three axes. An image of two is one slice."""
    axes = int(header["dim"][0])
    lengths = [int(length) for length in header["dim"][1 : axes + 1]]
    if not 2 <= axes <= 7 or min(lengths[:3]) < 1 or min(lengths) < 0:
        raise UnreadableImage(
            "damaged", f"The {name} file is no volume: its header (dim) claims {axes} axes: {lengths}."
        )
    if (volumes := math.prod(max(length, 1) for length in lengths[3:])) > 1:
        raise UnreadableImage(
            "four_dimensional", f"The {name} file holds {volumes:,} volumes (dim[4] and above); export one of them."
        )
    return (*lengths[:3], 1)[:3]


def _dtype(header: Any, name: str) -> np.dtype[Any]:
    code = int(header["datatype"])
    if code in _NOT_GRAY:
        raise UnreadableImage(
            "not_gray", f"The {name} file holds {_NOT_GRAY[code]} (datatype {code}), not gray values."
        )
    try:
        dtype: np.dtype[Any] = np.dtype(header.get_data_dtype())
    except Exception as error:
        raise UnreadableImage(
            "damaged", f"The {name} file is damaged: NIfTI has no datatype {code}, as its header claims."
        ) from error
    if dtype.kind not in "iuf":
        raise UnreadableImage("not_gray", f"The {name} file holds no gray values (datatype {code}).")
    return dtype


def _offset(header: Any, name: str) -> int:
    earliest = _SINGLE_OFFSET[int(header.sizeof_hdr)]
    value = float(header["vox_offset"])
    if value == 0:  # nothing said
        return earliest
    if not earliest <= value < 2**62:
        raise UnreadableImage(
            "damaged", f"The {name} file is damaged: its voxels cannot start at byte {value:g} (vox_offset)."
        )
    return int(value)


def _scaling(header: Any) -> tuple[float, float, tuple[str, ...]]:
    """Slope and intercept. A slope of 0 means none (nifti1.h)."""
    slope, inter = float(header["scl_slope"]), float(header["scl_inter"])
    if math.isfinite(slope) and math.isfinite(inter):
        return (slope, inter, ()) if slope else (1.0, 0.0, ())
    if math.isnan(slope) and math.isnan(inter):  # as nibabel writes "no scaling"
        return 1.0, 0.0, ()
    note = "The file's scaling (scl_slope, scl_inter) is no number; the values were taken without it."
    return 1.0, 0.0, (note,)
