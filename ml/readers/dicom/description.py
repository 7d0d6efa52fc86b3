"""What a person is told of a DICOM object, and what keeps its slices together.

Both are made of numbers and of the standard's own terms. Descriptions that people typed are not looked at; they may
hold anything.
"""

from pydicom.dataset import Dataset

from ml.readers.dicom.geometry import SlicePosition
from ml.readers.dicom.object_type import text_values
from ml.readers.dicom.pixels import numbers

_BRIGHTEST = 99_999  # also False for NaN; a date in the wrong field has more digits
_CONTRAST = (
    ("e", "EchoTime"),
    ("i", "InversionTime"),
    ("b", "DiffusionBValue"),
    ("t", "TemporalPositionIdentifier"),
    ("u", "TemporalPositionIndex"),
)
_NORMALS = {frozenset("RLAP"): "axial", frozenset("RLHF"): "coronal", frozenset("APHF"): "sagittal"}


def title(dataset: Dataset, position: SlicePosition | None) -> str:
    """Such as `Series 5, axial, TE 90`: series number, plane and echo time, as far as they are known."""
    parts = [f"Series {number:g}" for number in numbers(dataset, "SeriesNumber")[:1]] or ["MR"]
    if position is not None:
        parts.append(plane_name("".join(position.orientation_letters)))
    parts += [f"TE {time:g}" for time in numbers(dataset, "EchoTime")[:1]]
    return ", ".join(part for part in parts if part)


def plane_name(letters: str) -> str:
    """`axial`, `coronal` or `sagittal` by the letters at a picture's edges, "" where they are not known."""
    return _NORMALS.get(frozenset(letters), "")


def windows(dataset: Dataset) -> tuple[tuple[float, float], ...]:
    """Center and width of each window that the file offers; none where one is no likely gray value."""
    centers, widths = numbers(dataset, "WindowCenter"), numbers(dataset, "WindowWidth")
    if len(centers) != len(widths) or not all(abs(value) <= _BRIGHTEST for value in (*centers, *widths)):
        return ()
    return tuple(zip(centers, widths, strict=True))


def stack_key(dataset: Dataset) -> str:
    """A key that slices of one stack share beside their direction: size, and which echo, contrast and time they are of.

    One series may hold several of each at the same places (PS3.3 C.8.3.1).
    """
    parts = [f"{int(dataset.Columns)}x{int(dataset.Rows)}"]
    for letter, keyword in _CONTRAST:
        parts += [f"{letter}{number:g}" for number in numbers(dataset, keyword)[:1]]
    kinds = text_values(dataset, "ImageType")[2:]
    return " ".join(parts + [kind for kind in ("M", "P", "R", "I", "PHASE", "MAGNITUDE") if kind in kinds])[:64]
