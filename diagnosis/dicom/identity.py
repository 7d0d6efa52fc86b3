"""The UIDs of a received file: they name it in the answer to its sender, and tell studies apart.

These are the sender's own UIDs. They are kept only during the transfer, and neither stored nor logged.
"""

import io
import warnings
import zlib
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

_PREAMBLE = 128
HEAD_BYTES = 1 << 20
"""Bytes of a file, inflated if necessary, that are searched for UIDs; they come near its start."""
_KEYWORDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID")
_LAST_TAG = 0x0020000D
"""The Study Instance UID, the last of the three in a file."""


class NotDicom(Exception):
    """The bytes are not a DICOM file with SOP Class and SOP Instance UID."""


@dataclass(frozen=True, slots=True)
class InstanceIdentity:
    """SOP Class, SOP Instance and Study Instance UID as the sender gave them. study: "" if absent."""

    sop_class: str
    instance: str
    study: str


def identify(data: bytes) -> InstanceIdentity:
    """Read the UIDs of a DICOM file, given at least its first HEAD_BYTES. Raises NotDicom."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings quote values
        try:
            dataset = _head(data)
            sop_class, instance, study = (_uid(dataset, keyword) for keyword in _KEYWORDS)
        except Exception:  # pydicom raises almost anything on hostile bytes
            raise NotDicom from None
    if not sop_class or not instance:
        raise NotDicom
    return InstanceIdentity(sop_class, instance, study)


def _head(data: bytes) -> Dataset:
    """The dataset up to its UIDs."""
    stream = io.BytesIO(data)
    stream.seek(_PREAMBLE)
    if stream.read(4) != b"DICM":
        raise NotDicom
    meta = read_dataset(stream, is_implicit_VR=False, is_little_endian=True, stop_when=_after_meta)
    syntax = UID(str(meta.get("TransferSyntaxUID", "")))
    if syntax == DeflatedExplicitVRLittleEndian:
        # Limited, because a small file may inflate to gigabytes.
        stream = io.BytesIO(zlib.decompressobj(-zlib.MAX_WBITS).decompress(stream.read(), HEAD_BYTES))
    return read_dataset(
        stream,
        is_implicit_VR=syntax == ImplicitVRLittleEndian,
        is_little_endian=syntax != ExplicitVRBigEndian,
        stop_when=_after_uids,
    )


def _after_meta(tag: BaseTag, vr: str | None, length: int) -> bool:
    return int(tag) >> 16 != 0x0002


def _after_uids(tag: BaseTag, vr: str | None, length: int) -> bool:
    return int(tag) > _LAST_TAG


def _uid(dataset: Dataset, keyword: str) -> str:
    """A UID without padding; "" if absent or not valid."""
    value = dataset.get(keyword)
    text = str(value).strip() if isinstance(value, str) else ""
    return text if UID(text).is_valid else ""
