"""The one thing of EXIF that a picture needs: which way up it is."""

import struct


def exif(orientation: int) -> bytes:
    """An EXIF block, as a TIFF directory with this orientation (1 to 8) and nothing else."""
    header, count, end = b"MM\0*\0\0\0\x08", b"\0\x01", b"\0\0\0\0"
    return header + count + struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0) + end
