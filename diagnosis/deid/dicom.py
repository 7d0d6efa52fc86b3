"""De-identify a DICOM object: build a new one from the elements that `tags` allows, with the same pixels.

Compressed pixel data is decoded and stored uncompressed, because compressed streams have comment fields in which
scanners and converters leave text. Overlays, curves, icons, private elements, audio and everything else that is not
listed is never read.
"""

import hashlib
import hmac
import io
import itertools
import math
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.datadict import dictionary_VM, dictionary_VR, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.multival import MultiValue
from pydicom.uid import (
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
    SecondaryCaptureImageStorage,
    UID_dictionary,
)
from pydicom.valuerep import format_number_as_ds

from diagnosis.deid import tags
from ml.contracts import UnreadableImage
from ml.readers.dicom import lookup_tables, object_type, pixels

METHOD = [
    "Allow-list after PS3.15 Annex E Basic Profile",
    "UIDs re-mapped",
    "dates, private elements, overlays and text dropped",
]
"""De-identification Method (0012,0063): at most 64 characters each."""
_PREFIX = "2.25."
"""Root of UIDs that are a UUID written as an integer (PS3.5 B.2)."""
_MARK = "BRAINSCAN"
_LOSSY = (JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless)
_LOSSLESS = (RLELossless, JPEGLossless, JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless)


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A DICOM file that may be stored.

    series, instance: its new UIDs; series is "" if the file had none. patient: a pseudonym, the same for all files with
    the same Patient ID and issuer, "" without an ID that names somebody. kept: keywords of the elements that were kept.
    dropped: how many were not, without those in sequences.
    """

    data: bytes
    series: str
    instance: str
    patient: str
    kept: tuple[str, ...]
    dropped: int


def clean(dataset: FileDataset, *, secret: bytes) -> Cleaned:
    """De-identify a dataset that `ml.readers.dicom` opened. secret: this site's key for UIDs and pseudonyms.

    Raises UnreadableImage if the pixel data is damaged, or too large to be stored uncompressed.
    """
    result, kept = _filtered(dataset, secret)
    count = int(dataset.get("NumberOfFrames") or 1)
    frames = _frames(dataset, count)
    first = next(frames)
    _describe(result, first, count)
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    if syntax in (*_LOSSY, *_LOSSLESS) and "LossyImageCompression" not in result:
        result.LossyImageCompression = "01" if syntax in _LOSSY else "00"
    result.PatientIdentityRemoved = "YES"
    result.DeidentificationMethod = METHOD
    _complete(result, dataset, first, secret)
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = result.SOPClassUID, result.SOPInstanceUID
    meta.ImplementationVersionName = _MARK
    file = FileDataset("", result, file_meta=meta)
    stream = io.BytesIO()
    file.save_as(stream, enforce_file_format=True)
    _write_pixels(stream, first, frames, count)
    return Cleaned(
        data=stream.getvalue(),
        series=str(result.get("SeriesInstanceUID", "")),
        instance=str(result.SOPInstanceUID),
        patient=pseudonym(dataset, secret=secret),
        kept=tuple(sorted(set(kept))),
        dropped=len(dataset.keys() - result.keys()),
    )


def pseudonym(dataset: Dataset, *, secret: bytes) -> str:
    """Eight letters and digits for the patient, "" without a Patient ID. Not reversible without the secret."""
    patient_id = str(dataset.get("PatientID") or "").strip()
    if _names_nobody(patient_id):
        return ""
    issuer = str(dataset.get("IssuerOfPatientID") or "").strip()
    digest = _keyed(secret, f"patient\0{issuer}\0{patient_id}")
    alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # pragma: allowlist secret
    return "".join(alphabet[byte % len(alphabet)] for byte in digest[:8])


_NOBODY = frozenset(
    """
    ANON ANONYM ANONYMOUS ANONYMIZED ANONYMISED ANONYMOUSPATIENT DEIDENTIFIED PSEUDONYMIZED PSEUDONYMISED REMOVED
    DELETED REDACTED HIDDEN UNKNOWN UNBEKANNT INCONNU UNIDENTIFIED UNASSIGNED UNDEFINED NOTAVAILABLE NOID NOPATIENTID
    NONE NULL NIL NA NAN ID PATIENT PATIENTID SUBJECT TEST DEFAULT EMPTY
    """.split()  # noqa: SIM905
)
"""Patient IDs that anonymizers and hurried people write for everybody."""


def _names_nobody(patient_id: str) -> bool:
    """Whether an ID is absent, a word of _NOBODY, or one character again and again, such as 0000 or XXX."""
    plain = re.sub(r"[\W_]+", "", patient_id).upper()
    return not plain or plain in _NOBODY or (len(set(plain)) == 1 and (len(plain) > 2 or plain[0] in "0X"))


def mapped_uid(uid: str, *, secret: bytes) -> str:
    """The UID that replaces `uid` on this site: 128 bits of a keyed hash, as a UUID-derived UID."""
    return _PREFIX + str(int.from_bytes(_keyed(secret, f"uid\0{uid.strip()}")[:16], "big"))


def _keyed(secret: bytes, text: str) -> bytes:
    return hmac.new(secret, text.encode(), hashlib.sha256).digest()


def _filtered(dataset: Dataset, secret: bytes) -> tuple[Dataset, list[str]]:
    result, kept = Dataset(), []
    for tag in list(dataset.keys()):
        keyword = keyword_for_tag(tag)
        if keyword not in _ALL:
            continue
        try:
            element = dataset[tag]
        except Exception:  # noqa: S112 - a value that its VR forbids is converted only now, and may not be logged
            continue
        if keyword in tags.SEQUENCES:
            if element.VR != "SQ":
                continue
            items = [_filtered(item, secret) for item in element.value]
            setattr(result, keyword, [item for item, _ in items])
            kept += [name for _, names in items for name in names]
        elif keyword in tags.NUMBERS and (number := _kept_number(element)) is not None:
            result.add(number)
        elif keyword not in tags.NUMBERS and (text := _kept_text(keyword, element, secret)) is not None:
            setattr(result, keyword, text)
        else:
            continue
        kept.append(keyword)
    _truncate_lut(result, dataset)
    return result, kept


_ALL = tags.NUMBERS | tags.TERMS.keys() | tags.UIDS | tags.CLASSES | tags.SEQUENCES


def _kept_text(keyword: str, element: DataElement, secret: bytes) -> object | None:
    """The value to keep, or None."""
    values = [str(value).strip() for value in _many(element.value)]
    if not values or not all(values):
        return None
    if keyword in tags.UIDS:
        return mapped_uid(values[0], secret=secret)
    if keyword in tags.CLASSES:
        return values[0] if values[0] in UID_dictionary else None
    values = [value.upper() for value in values]
    if keyword == "ImageType":  # vendors add terms of their own, which are dropped
        values = [value for value in values if value in tags.TERMS[keyword]]
    return values if values and all(value in tags.TERMS[keyword] for value in values) else None


def _kept_number(element: DataElement) -> DataElement | None:
    """The element with the numbers that `ml.readers.dicom.attributes` finds in it, in a VR that the standard names."""
    if element.keyword == "LUTData" and isinstance(element.value, bytes):  # `_truncate_lut` checks its length
        return DataElement(element.tag, "OW", element.value)
    try:
        values = [float(value) for value in _many(element.value) if value not in (None, "")]
    except (TypeError, ValueError):
        return None
    if not values or not all(math.isfinite(value) for value in values):
        return None
    if element.keyword == "LUTDescriptor":  # how many entries: unsigned, in whatever VR
        values[0] %= 65_536
    multiplicity = dictionary_VM(element.tag)
    values = values[:1] if multiplicity == "1" else values
    if multiplicity.isdigit() and len(values) != int(multiplicity):
        return None
    if element.keyword not in tags.UNBOUNDED and max(abs(value) for value in values) > tags.LARGEST:
        return None
    allowed = dictionary_VR(element.tag).split(" or ")
    vr = element.VR if element.VR in allowed else next((one for one in allowed if _holds(one, values)), None)
    if vr is None:
        return None
    found = [int(value) if vr in _WHOLE else _fitting(value, vr) for value in values]
    return DataElement(element.tag, vr, found)


_WHOLE = {"US": (0, 2**16), "SS": (-(2**15), 2**15), "UL": (0, 2**32), "IS": (-(2**31), 2**31)}
"""VRs of whole numbers, each with its lowest number and the first beyond its highest."""


def _holds(vr: str, values: list[float]) -> bool:
    low, end = _WHOLE.get(vr, (-math.inf, math.inf))
    return all(low <= value < end and (vr not in _WHOLE or value.is_integer()) for value in values)


def _fitting(value: float, vr: str) -> object:
    return format_number_as_ds(value) if vr == "DS" else value  # DS holds 16 characters


def _truncate_lut(item: Dataset, original: Dataset) -> None:
    """End a lookup table where its descriptor says (PS3.3 C.11.1.1); bytes after it could be anything."""
    if "LUTData" not in item:
        return
    if "LUTDescriptor" not in item:
        del item.LUTData
        return
    entries, table = item.LUTDescriptor[0] or 65_536, item.LUTData
    if isinstance(table, bytes):
        table = lookup_tables.little_endian(original)
        item["LUTData"].value = table[: 2 * entries if len(table) >= 2 * entries else entries + entries % 2]
    else:
        item["LUTData"].value = list(_many(table))[:entries]


def _many(value: Any) -> Iterable[Any]:
    return value if isinstance(value, (MultiValue, list, tuple)) else [] if value is None else [value]


def _frames(dataset: FileDataset, count: int) -> Iterator[NDArray[Any]]:
    """Decoded one at a time, little-endian; colors as RGB."""
    for index in range(count):
        plane = pixels.stored(dataset, index)
        if str(dataset.get("PhotometricInterpretation")) == "PALETTE COLOR" and plane.ndim == 2:
            plane = pixels.through_palette(dataset, plane)
        yield np.ascontiguousarray(plane, plane.dtype.newbyteorder("<"))


def _complete(result: Dataset, dataset: FileDataset, first: NDArray[Any], secret: bytes) -> None:
    """Add the class and instance UIDs that a file must have, if only its meta information has them, or nothing."""
    if "SOPClassUID" not in result:
        sop_class = object_type.sop_class(dataset)
        result.SOPClassUID = sop_class if sop_class in UID_dictionary else SecondaryCaptureImageStorage
    if "SOPInstanceUID" not in result:
        where = [str(result.get(name, "")) for name in ("SeriesInstanceUID", "InstanceNumber", "ImagePositionPatient")]
        digest = hashlib.sha256(first.tobytes()).hexdigest()
        result.SOPInstanceUID = mapped_uid("\0".join([digest, *where]), secret=secret)


def _describe(result: Dataset, frame: NDArray[Any], count: int) -> None:
    """Set the elements that describe the pixels to fit the decoded frames."""
    color = frame.ndim == 3
    result.Rows, result.Columns = frame.shape[:2]
    result.SamplesPerPixel, result.BitsAllocated = 3 if color else 1, 8 * frame.dtype.itemsize
    if count > 1:
        result.NumberOfFrames = count
    if color:
        result.PhotometricInterpretation, result.PlanarConfiguration = "RGB", 0
    elif "PhotometricInterpretation" not in result:
        result.PhotometricInterpretation = "MONOCHROME2"
    if frame.dtype.kind == "f":
        for keyword in ("BitsStored", "HighBit", "PixelRepresentation"):
            result.pop(keyword, None)
        return
    stored = result.BitsAllocated if color else int(result.BitsStored)
    result.BitsStored = min(stored, result.BitsAllocated)
    result.HighBit, result.PixelRepresentation = result.BitsStored - 1, int(frame.dtype.kind == "i")


_PIXELS = {"f4": (0x0008, b"OF"), "f8": (0x0009, b"OD"), "u1": (0x0010, b"OB")}
"""Element in group 7FE0 and its VR, by NumPy type; any other type is OW in (7FE0,0010)."""


def _write_pixels(stream: io.BytesIO, first: NDArray[Any], rest: Iterator[NDArray[Any]], count: int) -> None:
    """Write the file's last element frame by frame, so that the frames are never all in memory twice."""
    element, vr = _PIXELS.get(first.dtype.str[1:], (0x0010, b"OW"))
    length = first.nbytes * count
    if length >= 0xFFFFFFFE:
        raise UnreadableImage("too_large", "The DICOM file's frames take more than a DICOM element can hold (4 GB).")
    stream.write(struct.pack("<HH2sHI", 0x7FE0, element, vr, 0, length + length % 2))
    for frame in itertools.chain([first], rest):
        stream.write(frame.data)
    stream.write(b"\0" * (length % 2))
