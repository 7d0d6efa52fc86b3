"""How a DICOM object is described to people: by numbers and standard terms only. Free-text descriptions are ignored,
because they may hold anything, even a name.
"""

from pydicom.dataset import Dataset

from ml.readers.dicom.attributes import numbers
from ml.readers.dicom.geometry import SlicePosition
from ml.readers.orientation import plane_name

_MAX_GRAY = 99_999  # a date in the wrong field has more digits


def title(dataset: Dataset, position: SlicePosition | None) -> str:
    """For example `Series 5, axial, TE 90`: series number, plane and echo time, as far as they are known."""
    parts = [f"Series {number:g}" for number in numbers(dataset, "SeriesNumber")[:1]] or ["MR"]
    if position is not None:
        parts.append(plane_name("".join(position.orientation_letters)))
    parts += [f"TE {time:g}" for time in numbers(dataset, "EchoTime")[:1]]
    return ", ".join(part for part in parts if part)


def windows(dataset: Dataset) -> tuple[tuple[float, float], ...]:
    """Center and width of each window that the file offers; none at all if one is not a plausible gray value."""
    centers, widths = numbers(dataset, "WindowCenter"), numbers(dataset, "WindowWidth")
    if len(centers) != len(widths) or not all(abs(value) <= _MAX_GRAY for value in (*centers, *widths)):
        return ()
    return tuple(zip(centers, widths, strict=True))
