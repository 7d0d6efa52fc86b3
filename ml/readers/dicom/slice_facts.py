"""What is known of a slice besides its pixels: where it lies, and what may tell it from others at the same place.

Reads one frame of a file, from its functional groups (PS3.3, C.7.6.16) or from the dataset itself.
"""

import contextlib
import math
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence

from ml.readers.dicom import geometry, image_type, object_type
from ml.readers.dicom.attributes import items, text_value
from ml.readers.dicom.geometry import SlicePosition

_DEPTH = 3
"""Levels of sequences that are searched, such as MR Diffusion Sequence, Diffusion Gradient Direction Sequence."""

_Keys = tuple[str | int, ...]

LABELS: dict[str, _Keys] = {
    "EchoTime": ("EffectiveEchoTime", "EchoTime"),
    "EchoNumbers": ("EchoNumbers",),
    "InversionTime": ("InversionTimes", "InversionTime"),
    "DiffusionBValue": ("DiffusionBValue", 0x0019100C, 0x00431039, 0x20011003, 0x00651009),
    "TemporalPositionIndex": ("TemporalPositionIndex",),
    "TemporalPositionIdentifier": ("TemporalPositionIdentifier",),
    "FlipAngle": ("FlipAngle",),
    "RepetitionTime": ("RepetitionTime",),
    "ContrastBolusAgent": ("ContrastBolusAgent", "ContrastBolusAgentAdministered"),
    "ImageType": ("FrameType", "ImageType"),
    "ScanningSequence": ("ScanningSequence",),
    "SequenceVariant": ("SequenceVariant",),
    "ScanOptions": ("ScanOptions",),
    "SequenceName": ("PulseSequenceName", "SequenceName"),
    "DiffusionGradientOrientation": ("DiffusionGradientOrientation", 0x0019100E, 0x001910BB, 0x200510B0),
    "DiffusionGradientOrientationY": (0x001910BC, 0x200510B1),
    "DiffusionGradientOrientationZ": (0x001910BD, 0x200510B2),
    "DiffusionDirectionality": ("DiffusionDirectionality",),
    "AcquisitionContrast": ("AcquisitionContrast",),
    "MagnetizationTransfer": ("MagnetizationTransfer",),
    "AcquisitionNumber": ("FrameAcquisitionNumber", "AcquisitionNumber"),
    "PatientID": ("PatientID",),
    "StudyInstanceUID": ("StudyInstanceUID",),
    "SeriesNumber": ("SeriesNumber",),
    "FrameOfReferenceUID": ("FrameOfReferenceUID",),
    "StackID": ("StackID",),
    "MRAcquisitionType": ("MRAcquisitionType",),
    "NumberOfAverages": ("NumberOfAverages",),
    "EchoTrainLength": ("EchoTrainLength",),
    "PixelBandwidth": ("PixelBandwidth",),
    "ReceiveCoilName": ("ReceiveCoilName",),
    "SliceThickness": ("SliceThickness",),
    "ProtocolName": ("ProtocolName",),
    "SeriesDescription": ("SeriesDescription",),
}
"""What may tell parts of a series apart, the most telling first: its name here, and where it is found. Numbers are the
vendors' private elements: Siemens group 0019, GE 0019 and 0043, Philips 2001 and 2005, United Imaging 0065 (their
conformance statements).
"""

ADMINISTRATIVE = frozenset(
    ["PatientID", "StudyInstanceUID", "SeriesNumber", "FrameOfReferenceUID", "ProtocolName", "SeriesDescription"]
)
"""Those that people, archives and anonymizers write; the others come from the scanner."""

TIMES: dict[str, tuple[tuple[str, ...], ...]] = {
    "AcquisitionTime": (
        ("FrameAcquisitionDateTime",),
        ("AcquisitionDateTime",),
        ("AcquisitionDate", "AcquisitionTime"),
        ("AcquisitionTime",),
    ),
    "ContentTime": (("FrameReferenceDateTime",), ("ContentDate", "ContentTime"), ("ContentTime",)),
}
"""Points in time, in seconds: date and time in one element or in two, or the time alone."""
NUMBERED: dict[str, tuple[str, ...]] = {
    "TriggerTime": ("NominalCardiacTriggerDelayTime", "TriggerTime"),
    "InstanceNumber": ("InstanceNumber",),
}
"""Numbers that may differ for each slice, like times."""
SEQUENCES = (*TIMES, *NUMBERED)

_GE_B_VALUE = 0x00431039
_GE_OFFSET = 100_000
"""GE adds a multiple of it to b-values of directions that were combined (1e9 and others; dcm2niix does the same)."""
_POSITION_POINTERS = (0x00209056, 0x00209057, 0x00200032)
"""Dimensions that only say where a frame lies: Stack ID, In-Stack Position Number, Image Position (Patient)."""


@dataclass(frozen=True, slots=True)
class SliceFacts:
    """One slice.

    size: columns and rows. in_stack: In-Stack Position Number (0020,9057). labels: values that slices of one part
    share, by the names of LABELS; sequence: numbers by the names of SEQUENCES, times in seconds. Absent: not in the
    file. instance: SOP Instance UID of a file with one frame. not_anatomy: the term of Frame Type that says so, such as
    PHASE, else "". turn_known: whether the row and column of `position` are the file's; else only its normal is.
    """

    size: tuple[int, int]
    position: SlicePosition | None = None
    in_stack: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    sequence: Mapping[str, float] = field(default_factory=dict)
    instance: str = ""
    not_anatomy: str = ""
    turn_known: bool = True


def as_dict(facts: SliceFacts) -> dict[str, Any]:
    """JSON-ready form of a slice whose position is known, without its instance.

    exact: says that numbers which are names, such as a Patient ID, have all digits; earlier versions rounded them.
    """
    assert facts.position is not None
    where = {name: list(getattr(facts.position, name)) for name in ("position", "row", "column")}
    told = {"labels": dict(facts.labels), "sequence": dict(facts.sequence), "exact": True}
    return {"size": list(facts.size), **where, **told}


def from_dict(stored: Mapping[str, Any], *, instance: str) -> SliceFacts:
    """The facts that `as_dict` gave."""
    position = SlicePosition(tuple(stored["position"]), tuple(stored["row"]), tuple(stored["column"]))
    return SliceFacts(tuple(stored["size"]), position, None, stored["labels"], stored["sequence"], instance)


def read(dataset: Dataset, frames: int) -> tuple[SliceFacts, ...]:
    """The facts of each frame."""
    common = dict(_walk(dataset, 0))
    for group in items(dataset, "SharedFunctionalGroupsSequence")[:1]:
        common |= dict(_walk(group, _DEPTH))
    own = items(dataset, "PerFrameFunctionalGroupsSequence")
    values = [common | (dict(_walk(own[index], _DEPTH)) if index < len(own) else {}) for index in range(frames)]
    return tuple(_facts(dataset, index, found, frames) for index, found in enumerate(values))


def _facts(dataset: Dataset, index: int, found: Mapping[str | int, Any], frames: int) -> SliceFacts:
    labels = {name: text for name, keys in LABELS.items() if (text := _label(found, keys, name in ADMINISTRATIVE))}
    sequence = {name: number for name, keys in NUMBERED.items() if (number := _number(found, keys)) is not None}
    sequence |= {name: at for name, ways in TIMES.items() if (at := _time(found, ways)) is not None}
    in_stack = _number(found, ("InStackPositionNumber",))
    return SliceFacts(
        size=(int(dataset.Columns), int(dataset.Rows)),
        position=geometry.slice_position(dataset, index),
        in_stack=None if in_stack is None else int(in_stack),
        labels=labels | _dimensions(dataset, found.get("DimensionIndexValues")),
        sequence=sequence,
        instance=text_value(dataset, "SOPInstanceUID") if frames == 1 else "",
        not_anatomy=_not_anatomy(dataset, index) if frames > 1 else "",
    )


def _not_anatomy(dataset: Dataset, index: int) -> str:
    values = object_type.frame_type(dataset, index)
    found = image_type.computed(values)
    return found[1] if found else "LOCALIZER" if image_type.is_localizer(values) else ""


_WANTED = {key for keys in (*LABELS.values(), *NUMBERED.values()) for key in keys} | {
    *(name for ways in TIMES.values() for way in ways for name in way),
    *("InStackPositionNumber", "DimensionIndexValues"),
}


def _walk(dataset: Dataset, depth: int) -> Iterator[tuple[str | int, Any]]:
    for tag in list(dataset.keys()):
        try:
            element = dataset[tag]
        except Exception:  # noqa: S112 - a value that its VR forbids; it tells nothing
            continue
        if isinstance(element.value, Sequence):
            for item in element.value if depth else ():
                yield from _walk(item, depth - 1)
            continue
        key: str | int = element.keyword or int(tag)
        if key in _WANTED and element.value not in (None, "", b""):
            yield key, element.value


def _label(found: Mapping[str | int, Any], keys: _Keys, exact: bool) -> str:
    """exact: whether numbers are names, of which no digit may be lost."""
    for key in keys:
        if key not in found:
            continue
        value = found[key]
        if key == _GE_B_VALUE:
            value = _ge_b_value(value)
        values = value if isinstance(value, (MultiValue, list)) else [value]
        text = " ".join(_name(one) if exact else _text(one) for one in values)
        if text:
            return text
    return ""


def _name(value: Any) -> str:
    return str(int(value) if isinstance(value, int) else value).strip()


def _text(value: Any) -> str:
    """A value as text; numbers to four digits, as scanners' own vary in the sixth."""
    if isinstance(value, bytes):  # a private element in implicit VR, or of an unknown one
        text = value.decode("ascii", "replace").strip("\0 ")
        is_double = len(value) == 8 and not re.fullmatch(r"[ -~]*", text)
        value = struct.unpack("<d", value)[0] if is_double else text
    try:
        return f"{float(value):.4g}" if not isinstance(value, str) or re.fullmatch(r"[-+.\deE]+", value) else value
    except (TypeError, ValueError):
        return str(value).strip()


def _ge_b_value(value: Any) -> Any:
    first: Any = value.decode("ascii", "replace").split("\\")[0] if isinstance(value, bytes) else value
    first = first[0] if isinstance(first, (MultiValue, list)) and first else first
    try:
        return float(first) % _GE_OFFSET
    except (TypeError, ValueError):
        return ""


def _number(found: Mapping[str | int, Any], keys: tuple[str, ...]) -> float | None:
    for key in keys:
        with contextlib.suppress(KeyError, TypeError, ValueError, OverflowError):
            number = float(found[key])
            if math.isfinite(number):
                return number
    return None


def _time(found: Mapping[str | int, Any], ways: tuple[tuple[str, ...], ...]) -> float | None:
    """Seconds from midnight, or from the calendar's first day where a date is given (VR DA, TM and DT, PS3.5 6.2)."""
    for way in ways:
        if not all(key in found for key in way):
            continue
        text = "".join(str(found[key]).strip().replace(":", "") for key in way)
        match = re.fullmatch(r"(\d{8})?(\d{2})(\d{2})?(\d{2})?(\.\d+)?([+-]\d{4})?", text)
        if match is None:
            continue
        days, hours, minutes, seconds, fraction, _ = match.groups()
        clock = 3600 * int(hours) + 60 * int(minutes or 0) + int(seconds or 0) + float(fraction or 0)
        try:
            return clock + 86_400 * (date(int(days[:4]), int(days[4:6]), int(days[6:])).toordinal() if days else 0)
        except ValueError:
            continue
    return None


def _dimensions(dataset: Dataset, values: Any) -> dict[str, str]:
    """Dimension Index Values (0020,9157), without those that only say where the frame lies."""
    if values is None:
        return {}
    numbers = list(values) if isinstance(values, (MultiValue, list)) else [values]
    try:
        pointers = [int(item.DimensionIndexPointer) for item in dataset.get("DimensionIndexSequence") or ()]
    except Exception:
        pointers = []
    pointers += [0] * (len(numbers) - len(pointers))
    return {
        f"DimensionIndexValues{at + 1}": str(number)
        for at, (number, pointer) in enumerate(zip(numbers, pointers, strict=False))
        if pointer not in _POSITION_POINTERS
    }
