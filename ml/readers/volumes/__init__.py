"""Volumes of research tools, opened as slices in radiological orientation: the patient's right at the left edge, the
front or the head above, however the voxels are stored.
"""

from ml.readers import sniffing
from ml.readers.volumes import mgh, nifti, nrrd
from ml.readers.volumes.inflating import MAX_INFLATED, MAX_RATIO, inflate
from ml.readers.volumes.slices import MAX_SLICES, Opened

__all__ = ["MAX_INFLATED", "MAX_RATIO", "MAX_SLICES", "Opened", "inflate", "open_file"]

_READERS = {
    sniffing.NIFTI: nifti.open_file,
    sniffing.MGH: mgh.open_file,
    sniffing.NRRD: nrrd.open_file,
}


def open_file(data: bytes, *, file_format: str, max_pixels: int) -> Opened:
    """Open a volume of a format that is among `sniffing.VOLUMES`, gzipped or not.

    Raises UnreadableImage with the codes of `inflate` and of the format's own `open_file`.
    """
    if file_format.endswith(sniffing.GZIPPED):
        data = inflate(data)
    return _READERS[file_format.removesuffix(sniffing.GZIPPED)](data, max_pixels=max_pixels)
