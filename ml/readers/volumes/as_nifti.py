"""A volume of another format, given a NIfTI header: from here on it is read, cut and stored as NIfTI is."""

import math
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from ml.contracts import UnreadableImage
from ml.readers.volumes import affine, slices
from ml.readers.volumes.slices import Opened

_LONGEST_AXIS = 32_767
"""Of NIfTI-1, which keeps lengths in 16 bits."""
UPRIGHT = np.diag([-1.0, -1.0, 1.0])
"""How most volumes are stored: from the patient's right, the front and the feet on."""
_array_proxy: Any = nib.arrayproxy.ArrayProxy  # nibabel has no types


def opened(
    file: Any,
    *,
    name: str,
    shape: tuple[int, int, int],
    dtype: np.dtype[Any],
    offset: int,
    axes: NDArray[np.float64] | None,
    oriented: bool,
    max_pixels: int,
) -> Opened:
    """file: a binary file with the voxels from `offset` on, the first axis fastest. axes: (3, 3), a voxel's sides as
    columns, in mm to the right, the front and the head; None if unknown. oriented: whether the file says that they are
    directions in the patient.

    Raises UnreadableImage with code `truncated`, or with those of `slices.opened`.
    """
    needed, there = math.prod(shape) * dtype.itemsize, max(file.seek(0, 2) - offset, 0)
    if there < needed:
        raise UnreadableImage(
            "truncated",
            f"The {name} file is cut off: its voxels take {needed:,} bytes by its header, and {there:,} are there.",
        )
    header_class: Any = nib.Nifti1Header if max(shape) <= _LONGEST_AXIS else nib.Nifti2Header
    header = header_class(endianness="<" if dtype.byteorder == "=" else dtype.byteorder.replace("|", "<"))
    header.set_data_dtype(dtype)
    header.set_data_shape(shape)
    usable = axes is not None and affine.fault_of(axes) in (None, affine.SHEARED)
    sides = UPRIGHT if axes is None or not usable else axes
    header["pixdim"][1:4] = np.linalg.norm(sides, axis=0) if usable else 0
    header["sform_code"] = affine.SCANNER if usable and oriented else 0
    for row, values in zip(("srow_x", "srow_y", "srow_z"), sides, strict=True):
        header[row][:3] = values
    # By the header, whose numbers are rounded: the stored copy must give the very slices that were seen at upload.
    lying = affine.of_nifti(header)
    voxels = _array_proxy(file, (shape, dtype, offset))
    return slices.opened(header, voxels, name=name, lying=lying, max_pixels=max_pixels)
