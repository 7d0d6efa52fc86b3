"""De-identify a NIfTI volume: drop the text that converters leave in it.

Free text in the header is emptied: descrip, aux_file, intent_name, db_name and the unused fields. Extensions, which may
hold a whole DICOM header, are dropped. The file is written uncompressed, as a gzip header names the original file.
"""

from typing import Any

import nibabel as nib
import numpy as np

TEXTS = ("descrip", "aux_file", "intent_name", "db_name", "data_type")


def clean(volume: Any) -> bytes:
    """The new file's bytes: same stored voxels, scaling and axes. volume: opened by `ml.readers.nifti`."""
    kept = volume.header.copy()
    kept.extensions.clear()
    for name in TEXTS:
        if name in kept.keys():  # noqa: SIM118 - a header is not a mapping
            kept[name] = b""
    for name in ("unused_str", "regular", "extents", "session_error"):
        if name in kept.keys():  # noqa: SIM118
            kept[name] = np.zeros_like(kept[name])
    image_class: Any = nib.Nifti2Image if isinstance(volume, nib.Nifti2Image) else nib.Nifti1Image
    stored = np.asanyarray(volume.dataobj.get_unscaled())
    slope, inter = volume.dataobj.slope, volume.dataobj.inter
    result = image_class(stored, volume.affine, kept)
    result.set_qform(volume.get_qform(), int(kept["qform_code"]))
    result.set_sform(volume.get_sform(), int(kept["sform_code"]))
    result.header.set_slope_inter(slope, inter)
    return _with_scaling(result, slope, inter)


def _with_scaling(image: Any, slope: float, inter: float) -> bytes:
    """nibabel would compute a new scaling on saving; these voxels are as stored, and keep the file's."""
    header = image.header.copy()
    header.set_data_offset(0)
    data = np.asanyarray(image.dataobj)
    header.set_data_shape(data.shape)
    header.set_slope_inter(slope, inter)
    header["magic"] = b"n+1" if header.sizeof_hdr == 348 else b"n+2"
    offset = int(header.single_vox_offset)
    header["vox_offset"] = offset
    block = bytes(header.binaryblock)
    plain = np.asarray(data, dtype=header.get_data_dtype())
    return block.ljust(offset, b"\0") + plain.tobytes(order="F")
