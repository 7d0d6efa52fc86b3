"""From bytes to a DICOM dataset, within limits.

What a file claims is checked before memory of that size is taken: a deflated file may inflate only up to a limit, and
pixel data is not decoded here. Values that pydicom cannot parse stay in the dataset as bytes; code that needs one
checks it.
"""

import io
import logging
import warnings
import zlib

from pydicom import config, dcmread
from pydicom.dataset import FileDataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from ml.contracts import UnreadableImage
from ml.readers import bare_dicom
from ml.readers.dicom import object_type
from ml.readers.packed import InflatesTooLarge, inflated_size

MAX_INFLATED = 512_000_000
"""Bytes that a deflated file may inflate to: almost 1,000 slices of 512 × 512 pixels with 16 bits."""
MAX_RATIO = 100
"""Factor by which a deflated file larger than _UNSUSPICIOUS may grow. Slices grow by up to 10."""
_UNSUSPICIOUS = 64_000_000
"""Bytes that any file may inflate to, however small it is."""

_LAST_BLOCK = b"\x03\x00"
"""An empty last block of a deflate stream (RFC 1951, 3.2.4). Some writers only flush, and leave it out."""

config.settings.reading_validation_mode = config.IGNORE  # its warnings quote values, which may be names
for _name in ("pydicom", "openjpeg"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)  # so do their logs


def parse(data: bytes) -> FileDataset:
    """The dataset of a DICOM file, with its pixel data undecoded. Its file meta information names a transfer syntax.

    Raises UnreadableImage with code `dicom_damaged`, `dicom_truncated`, `dicom_too_large` or `transfer_syntax`.
    """
    data = _from_its_elements(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            dataset = _as_encoded(data, dcmread(io.BytesIO(_checked_deflated(data)), force=True))
            sop_class = object_type.sop_class(dataset)
        except UnreadableImage:
            raise
        except Exception as error:  # pydicom raises almost anything on hostile bytes
            raise _damaged("its elements cannot be read") from error
    if not sop_class:
        raise _damaged("it does not say what it holds (SOP Class UID, tag (0008,0016), is absent)")
    if not dataset.file_meta.get("TransferSyntaxUID"):
        dataset.file_meta.TransferSyntaxUID = _syntax_found(dataset)
    return dataset


def attributes(data: bytes) -> FileDataset:
    """The dataset of a file written by de-identification, without its pixel data."""
    return dcmread(io.BytesIO(data), stop_before_pixels=True)


def _from_its_elements(data: bytes) -> bytes:
    """A file without preamble or prefix starts with its first element, as pydicom wants it."""
    if data[bare_dicom.PREAMBLE : bare_dicom.META] == b"DICM":
        return data
    return data[bare_dicom.start(data) or 0 :]


def _as_encoded(data: bytes, dataset: FileDataset) -> FileDataset:
    """The dataset, or what it really is if the file claims another byte order than it has."""
    if "SOPClassUID" in dataset:
        return dataset
    elements = data[_end_of_meta(data) :]
    if bare_dicom.start(elements) != 0:
        return dataset
    found = dcmread(io.BytesIO(elements), force=True)
    if "SOPClassUID" not in found or found.original_encoding == dataset.original_encoding:
        return dataset
    return found


def _end_of_meta(data: bytes) -> int:
    start = bare_dicom.META if data[bare_dicom.PREAMBLE : bare_dicom.META] == b"DICM" else 0
    return bare_dicom.end_of_meta(data, start)


def _checked_deflated(data: bytes) -> bytes:
    """Check the size of a deflated dataset before pydicom inflates it. Returns the file, with its last block."""
    end = _end_of_meta(data)
    if DeflatedExplicitVRLittleEndian.encode() not in data[:end]:
        return data
    limit = min(MAX_INFLATED, max(_UNSUSPICIOUS, MAX_RATIO * len(data)))
    for whole in (data, data + _LAST_BLOCK):
        try:
            inflated_size(whole[end:], wbits=-zlib.MAX_WBITS, max_bytes=limit)
        except InflatesTooLarge:
            raise UnreadableImage(
                "dicom_too_large", f"The deflated DICOM file holds more than {limit // 1_000_000} MB."
            ) from None
        except (EOFError, zlib.error):
            continue
        return whole
    message = "The DICOM file is damaged or cut off: its deflated part cannot be unpacked to its end."
    raise UnreadableImage("dicom_truncated", message)


def _syntax_found(dataset: FileDataset) -> UID:
    """The transfer syntax of a file that does not say it, as its elements show it.

    Raises UnreadableImage with code `transfer_syntax` if the pixel data is compressed: nothing says how.
    """
    is_implicit, is_little_endian = dataset.original_encoding
    if "PixelData" in dataset and dataset["PixelData"].is_undefined_length:
        raise UnreadableImage(
            "transfer_syntax",
            "The DICOM file does not say how its pixels are compressed (Transfer Syntax UID, tag (0002,0010), is "
            "absent).",
        )
    if is_implicit:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if is_little_endian else ExplicitVRBigEndian


def _damaged(why: str) -> UnreadableImage:
    return UnreadableImage("dicom_damaged", f"The DICOM file is damaged: {why}.")
