"""Which object a received file is: the UIDs that an answer to its sender names, and by which studies are told apart.

They are the sender's own. They live as long as the transfer and are neither stored nor logged.
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
HEAD = 1 << 20
"""Bytes of a file, or of what a deflated one inflates to, in which UIDs are looked for: they stand near its start."""
_WANTED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID")
_LAST = 0x0020000D
"""Tag of the last of them in a file."""


class NotDicom(Exception):
    """The bytes are no DICOM file that names its object."""


@dataclass(frozen=True, slots=True)
class Identity:
    """SOP Class, SOP Instance and Study Instance UID as the sender gave them. study: "" where absent."""

    sop_class: str
    instance: str
    study: str


def identify(data: bytes) -> Identity:
    """Read the UIDs of a DICOM file; its first HEAD bytes are enough. Raises NotDicom."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they quote values
        try:
            dataset = _head(data)
            found = [_uid(dataset, keyword) for keyword in _WANTED]
        except Exception:  # pydicom raises almost anything on hostile bytes
            raise NotDicom from None
    if not found[0] or not found[1]:
        raise NotDicom
    return Identity(*found)


def _head(data: bytes) -> Dataset:
    """The dataset up to its UIDs."""
    stream = io.BytesIO(data)
    stream.seek(_PREAMBLE)
    if stream.read(4) != b"DICM":
        raise NotDicom
    meta = read_dataset(stream, is_implicit_VR=False, is_little_endian=True, stop_when=_past_meta)
    syntax = UID(str(meta.get("TransferSyntaxUID", "")))
    if syntax == DeflatedExplicitVRLittleEndian:
        # Inflated as far as needed: a small file may claim to hold gigabytes.
        stream = io.BytesIO(zlib.decompressobj(-zlib.MAX_WBITS).decompress(stream.read(), HEAD))
    return read_dataset(
        stream,
        is_implicit_VR=syntax == ImplicitVRLittleEndian,
        is_little_endian=syntax != ExplicitVRBigEndian,
        stop_when=_past_uids,
    )


def _past_meta(tag: BaseTag, vr: str | None, length: int) -> bool:
    return int(tag) >> 16 != 0x0002


def _past_uids(tag: BaseTag, vr: str | None, length: int) -> bool:
    return int(tag) > _LAST


def _uid(dataset: Dataset, keyword: str) -> str:
    """A UID without padding; "" where absent or longer than one may be."""
    value = dataset.get(keyword)
    text = str(value).strip() if isinstance(value, str) else ""
    return text if UID(text).is_valid else ""
