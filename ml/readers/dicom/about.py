"""What a person is told of a DICOM object, and what keeps its slices together.

Both are made of numbers and of the standard's own terms. Descriptions that people typed are not looked at; they may
hold anything.
"""

from ml.readers.dicom import Opened
from ml.readers.dicom.kinds import words
from ml.readers.dicom.pixels import numbers

_NORMALS = {frozenset("RLAP"): "axial", frozenset("RLHF"): "coronal", frozenset("APHF"): "sagittal"}


def title(opened: Opened) -> str:
    """Such as `Series 5, axial, TE 90`: series number, plane and echo time, as far as they are known."""
    parts = [f"Series {number:g}" for number in numbers(opened.dataset, "SeriesNumber")[:1]] or ["MR"]
    if opened.places and opened.places[0] is not None:
        parts.append(plane("".join(opened.places[0].letters)))
    parts += [f"TE {time:g}" for time in numbers(opened.dataset, "EchoTime")[:1]]
    return ", ".join(part for part in parts if part)


def plane(letters: str) -> str:
    """`axial`, `coronal` or `sagittal` by the letters at a picture's edges, "" where they are not known."""
    return _NORMALS.get(frozenset(letters), "")


def windows(opened: Opened) -> tuple[tuple[float, float], ...]:
    """Center and width of each window that the file offers."""
    centers, widths = numbers(opened.dataset, "WindowCenter"), numbers(opened.dataset, "WindowWidth")
    return tuple(zip(centers, widths, strict=True)) if len(centers) == len(widths) else ()


def stack(opened: Opened) -> str:
    """A key that slices of one stack share beside their direction: size, and which echo, contrast and time they are of.

    One series may hold several of each at the same places (PS3.3 C.8.3.1).
    """
    rows, columns = int(opened.dataset.Rows), int(opened.dataset.Columns)
    parts = [f"{columns}x{rows}"]
    for letter, keyword in (("e", "EchoTime"), ("i", "InversionTime"), ("t", "TemporalPositionIdentifier")):
        parts += [f"{letter}{number:g}" for number in numbers(opened.dataset, keyword)[:1]]
    kinds = words(opened.dataset, "ImageType")[2:]
    return " ".join(parts + [kind for kind in ("M", "P", "R", "I", "PHASE", "MAGNITUDE") if kind in kinds])[:64]
