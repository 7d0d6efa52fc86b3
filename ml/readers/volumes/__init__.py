"""Volumes of research tools, opened as slices in radiological orientation: the patient's right at the left edge, the
front or the head above, however the voxels are stored.
"""

from ml.readers import sniffing
from ml.readers.volumes import nifti
from ml.readers.volumes.inflating import MAX_INFLATED, MAX_RATIO, inflate
from ml.readers.volumes.slices import MAX_SLICES, Opened

__all__ = ["MAX_INFLATED", "MAX_RATIO", "MAX_SLICES", "Opened", "inflate", "open_file"]


def open_file(data: bytes, *, file_format: str, max_pixels: int) -> Opened:
    """Open a volume of a format that `sniffing.VOLUMES` names, gzipped or not.

    Raises UnreadableImage with the codes of `inflate` and of the format's own `open_file`.
    """
    return nifti.open_file(inflate(data) if file_format == sniffing.NIFTI_GZ else data, max_pixels=max_pixels)
