"""From bytes to a DICOM dataset, within limits.

What a file claims is checked before memory of that size is taken: a deflated file may inflate only up to a limit, and
pixel data is not decoded here. Values that pydicom cannot parse stay in the dataset as bytes; code that needs one
checks it.
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
from ml.readers.packed import InflatesTooLarge, inflated_size

MAX_INFLATED = 512_000_000
"""Bytes that a deflated file may inflate to: almost 1,000 slices of 512 × 512 pixels with 16 bits."""
MAX_RATIO = 100
"""Factor by which a deflated file larger than _UNSUSPICIOUS may grow. Slices grow by up to 10."""
_UNSUSPICIOUS = 64_000_000
"""Bytes that any file may inflate to, however small it is."""

_PREAMBLE = 128
_META = 132
"""Start of the file meta information, after preamble and prefix (PS3.10, 7.1)."""

config.settings.reading_validation_mode = config.IGNORE  # its warnings quote values, which may be names
for _name in ("pydicom", "openjpeg"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)  # so do their logs


def parse(data: bytes) -> FileDataset:
    """The dataset of a DICOM file, with its pixel data undecoded.

    Raises UnreadableImage with code `dicom_damaged`, `dicom_truncated` or `dicom_too_large`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            _check_inflated(data)
            dataset = dcmread(io.BytesIO(data), force=True)
            sop_class = object_type.sop_class(dataset)
        except UnreadableImage:
            raise
        except Exception as error:  # pydicom raises almost anything on hostile bytes
            raise _damaged("its elements cannot be read") from error
    if not sop_class:
        raise _damaged("it does not say what it holds (SOP Class UID, tag (0008,0016), is absent)")
    return dataset


def attributes(data: bytes) -> FileDataset:
    """The dataset of a file written by de-identification, without its pixel data."""
    return dcmread(io.BytesIO(data), stop_before_pixels=True)


def _check_inflated(data: bytes) -> None:
    """Check the size of a deflated dataset before pydicom inflates it."""
    uid = DeflatedExplicitVRLittleEndian.encode()
    if data[_PREAMBLE:_META] != b"DICM" or uid not in data[_META : _META + 1024]:
        return
    tag, vr, _, length = struct.unpack("<4s2sHI", data[_META : _META + 12])
    if tag != b"\x02\x00\x00\x00" or vr != b"UL":
        raise _damaged("the length of its meta information, tag (0002,0000), is absent")
    limit = min(MAX_INFLATED, max(_UNSUSPICIOUS, MAX_RATIO * len(data)))
    try:
        inflated_size(data[_META + 12 + length :], wbits=-zlib.MAX_WBITS, max_bytes=limit)
    except InflatesTooLarge:
        raise UnreadableImage(
            "dicom_too_large", f"The deflated DICOM file holds more than {limit // 1_000_000} MB."
        ) from None
    except EOFError as error:
        message = "The DICOM file is cut off: its deflated part does not end."
        raise UnreadableImage("dicom_truncated", message) from error


def _damaged(why: str) -> UnreadableImage:
    return UnreadableImage("dicom_damaged", f"The DICOM file is damaged: {why}.")
