"""De-identify a volume: a new NIfTI file without the text that converters leave in it.

Free text in the header is emptied: descrip, aux_file, intent_name, db_name and the unused fields. Extensions, which may
hold a whole DICOM header, are dropped, and so are any bytes before and after the voxels. Numbers stay as they are,
also broken ones, so that the new file is read as the old one was. It is uncompressed, as a gzip header names the
original file.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.readers.volumes import Opened

TEXTS = ("descrip", "aux_file", "intent_name", "db_name", "data_type")
_UNUSED = ("unused_str", "regular", "extents", "session_error")


def clean(volume: Opened) -> bytes:
    """The new file's bytes: same stored voxels, scaling and axes."""
    kept = volume.header.copy()
    for name in (*TEXTS, *_UNUSED):
        if name in kept.keys():  # noqa: SIM118 - a header is not a mapping
            kept[name] = np.zeros_like(kept[name])
    voxels: NDArray[Any] = np.asanyarray(volume.voxels.get_unscaled())
    kept.set_data_shape(voxels.shape)
    kept["magic"] = kept.single_magic
    kept["vox_offset"] = offset = int(kept.single_vox_offset)
    header = bytes(kept.binaryblock).ljust(offset, b"\0")
    return header + voxels.tobytes(order="F")
