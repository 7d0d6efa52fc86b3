"""FreeSurfer's MGH, and MGZ, which is MGH gzipped.

The header is nibabel's. Tags after the voxels, which name files and commands of its author, are not read.
"""

import io
from typing import Any

import nibabel as nib
import numpy as np

from ml.contracts import UnreadableImage
from ml.readers.volumes import as_nifti
from ml.readers.volumes.slices import Opened

NAME = "FreeSurfer MGH"
_VOXELS = 284
"""Where voxels start."""
_INTENT = 2
"""Byte of the version that says since FreeSurfer 7.3 what the volume is; 0 for an image."""
_ORIENTED = slice(28, 30)
"""goodRASFlag: whether the file holds directions."""
_header: Any = nib.MGHImage.header_class
_TYPES = {0: "u1", 1: ">i4", 3: ">f4", 4: ">i2", 10: ">u2"}


def open_file(data: bytes, *, max_pixels: int) -> Opened:
    """Open a volume that is not gzipped.

    Raises UnreadableImage with code `damaged`, `derived`, `four_dimensional` or `not_gray`, or with those of
    `as_nifti.opened`.
    """
    if data[_INTENT]:
        raise UnreadableImage(
            "derived",
            f"The {NAME} file holds labels, a shape or a warp (its version tells), not an image of a scanner.",
        )
    try:
        header = _header(data[:_VOXELS], check=False)
        lengths, data_type = [int(length) for length in header["dims"]], int(header["type"])
        axes = np.asarray(header["Mdc"], np.float64).T * np.asarray(header["delta"], np.float64)
    except Exception as error:
        raise UnreadableImage("damaged", f"The {NAME} file is damaged: its header cannot be read.") from error
    if min(lengths[:3]) < 1:
        raise UnreadableImage("damaged", f"The {NAME} file is no volume: its header claims {lengths} voxels.")
    if lengths[3] > 1:
        raise UnreadableImage(
            "four_dimensional", f"The {NAME} file holds {lengths[3]:,} volumes (frames); export one of them."
        )
    if data_type not in _TYPES:
        raise UnreadableImage("not_gray", f"The {NAME} file holds no gray values (type {data_type}).")
    return as_nifti.opened(
        io.BytesIO(data),
        name=NAME,
        shape=(lengths[0], lengths[1], lengths[2]),
        dtype=np.dtype(_TYPES[data_type]),
        offset=_VOXELS,
        axes=axes,
        oriented=any(data[_ORIENTED]),
        max_pixels=max_pixels,
    )
