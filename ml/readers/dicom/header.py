"""From bytes to a DICOM dataset, within limits.

What a file claims is checked before anything of that size is held: a deflated file is inflated up to a limit, and pixel
data is left as it is. A value that pydicom cannot understand stays there as bytes; whoever needs it checks it.
"""

import io
import logging
import struct
import warnings
import zlib

from pydicom import config, dcmread
from pydicom.dataset import FileDataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from ml.contracts import UnreadableImage
from ml.readers.dicom import object_type

MAX_INFLATED = 512_000_000
"""Bytes that a deflated file may inflate to: 500 slices of 512 × 512 with 16 bits fit twice."""
MAX_RATIO = 100
"""Most times its size that a deflated file may inflate to, beyond _UNSUSPICIOUS. Slices reach 10."""
_UNSUSPICIOUS = 64_000_000

_PREAMBLE = 128
_META = 132
"""Where the file meta information begins: after preamble and prefix (PS3.10, 7.1)."""

config.settings.reading_validation_mode = config.IGNORE  # its warnings quote values, and a value may be a name
for _name in ("pydicom", "openjpeg"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)  # as do logs


def parse(data: bytes) -> FileDataset:
    """The dataset of a DICOM file; its pixel data is not decoded.

    Raises UnreadableImage with code `dicom_damaged`, `dicom_truncated` or `dicom_too_large`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            _check_inflated(data)
            dataset = dcmread(io.BytesIO(data), force=True)
            named = object_type.sop_class(dataset)
        except UnreadableImage:
            raise
        except Exception as error:  # pydicom raises almost anything on hostile bytes
            raise _damaged("its elements cannot be read") from error
    if not named:
        raise _damaged("it does not say what it holds (SOP Class UID, tag (0008,0016), is absent)")
    return dataset


def attributes(data: bytes) -> FileDataset:
    """The dataset of a file that this site wrote, without its pixel data."""
    return dcmread(io.BytesIO(data), stop_before_pixels=True)


def _check_inflated(data: bytes) -> None:
    """Inflate a deflated dataset once, keeping nothing, to see how large it is."""
    uid = DeflatedExplicitVRLittleEndian.encode()
    if data[_PREAMBLE:_META] != b"DICM" or uid not in data[_META : _META + 1024]:
        return
    tag, vr, _, length = struct.unpack("<4s2sHI", data[_META : _META + 12])
    if tag != b"\x02\x00\x00\x00" or vr != b"UL":
        raise _damaged("the length of its meta information, tag (0002,0000), is absent")
    rest, size = data[_META + 12 + length :], 0
    limit = min(MAX_INFLATED, max(_UNSUSPICIOUS, MAX_RATIO * len(data)))
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    while rest and not stream.eof:
        size += len(stream.decompress(rest, 1 << 20))
        rest = stream.unconsumed_tail
        if size > limit:
            raise UnreadableImage(
                "dicom_too_large", f"The deflated DICOM file holds more than {limit // 1_000_000} MB."
            )
    if not stream.eof:
        raise UnreadableImage("dicom_truncated", "The DICOM file is cut off: its deflated part does not end.")


def _damaged(why: str) -> UnreadableImage:
    return UnreadableImage("dicom_damaged", f"The DICOM file is damaged: {why}.")
