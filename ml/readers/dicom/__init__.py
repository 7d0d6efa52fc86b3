"""DICOM: one file, of one slice or of many, opened without decoding more than is asked for."""

from dataclasses import dataclass

import numpy as np
from PIL import Image as Pillow
from pydicom.dataset import Dataset, FileDataset

from ml.contracts import Image, UnreadableImage
from ml.readers.color import colored_fraction
from ml.readers.dicom import geometry, object_type, pixels
from ml.readers.dicom.geometry import SlicePosition
from ml.readers.dicom.header import parse

__all__ = ["MAX_FRAMES", "Opened", "burned_in", "captured", "open_file"]

MAX_FRAMES = 2_000
"""Slices that one file may hold. A head in steps of 0.5 mm has about 400."""
MAX_BYTES = 512_000_000
"""Of all frames, unpacked: 500 slices of 512 × 512 with 16 bits fit almost twice."""
_SQUARE = 0.01
"""Pixels whose sides differ by less are taken as square."""
_LONGEST = 4.0
"""Largest ratio of a pixel's sides that is honored; more is a mistake in the header."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A DICOM file whose object is judged. frames: how many slices. series: Series Instance UID as in the file, ""
    where absent. positions: of each frame. notes: sentences that hold for all frames."""

    dataset: FileDataset
    frames: int
    series: str
    positions: tuple[SlicePosition | None, ...]
    notes: tuple[str, ...]

    def image(self, index: int, *, window: int | None = 0) -> Image:
        """Frame `index` as a picture with square pixels; width and height stay those of the file.

        Raises UnreadableImage; see `pixels.frame`.
        """
        gray = pixels.frame(self.dataset, index, window=window)
        plane, notes = gray.plane, [*self.notes, f"Gray values: {', '.join(gray.route)}."]
        height, width = plane.shape
        side = geometry.pixel_spacing(self.dataset, index)
        if side is not None and abs(side[0] / side[1] - 1) > _SQUARE:
            if max(side) / min(side) > _LONGEST:
                notes.append("The pixels' sides in the file are unlikely; they were taken as square.")
            else:
                plane = _squared(plane, side)
                notes.append(f"Resampled to square pixels: they are {side[0]:g} mm high and {side[1]:g} mm wide.")
        color = colored_fraction(gray.rgb) if gray.rgb is not None else 0.0
        return Image(plane, "DICOM", width, height, notes=tuple(notes), color_fraction=color)


def open_file(data: bytes, *, max_pixels: int) -> Opened:
    """Open a DICOM file.

    Raises UnreadableImage: it is damaged, too large, or of a kind that is set aside; see `header.parse` and
    `object_type.check`; further codes are `too_many_pixels`, `too_many_frames` and `dicom_damaged`.
    """
    dataset = parse(data)
    notes = object_type.check(dataset)
    rows, columns, frames = (_count(dataset, name) for name in ("Rows", "Columns", "NumberOfFrames"))
    if rows * columns > max_pixels:
        raise UnreadableImage(
            "too_many_pixels",
            f"The DICOM file claims {columns} × {rows} pixels (tags (0028,0011) and (0028,0010)); at most "
            f"{max_pixels:,} are read.",
        )
    if frames > MAX_FRAMES:
        raise UnreadableImage(
            "too_many_frames",
            f"The DICOM file claims {frames:,} frames (tag (0028,0008)); at most {MAX_FRAMES:,} are read.",
        )
    bits, samples = (_count(dataset, name) for name in ("BitsAllocated", "SamplesPerPixel"))
    if rows * columns * frames * samples * max(bits, 8) // 8 > MAX_BYTES:
        raise UnreadableImage(
            "dicom_too_large",
            f"The DICOM file's pictures take more than {MAX_BYTES // 1_000_000} MB once they are unpacked (Rows, "
            "Columns and Number of Frames, tags (0028,0010), (0028,0011) and (0028,0008)).",
        )
    positions = tuple(geometry.slice_position(dataset, index) for index in range(frames))
    return Opened(dataset, frames, object_type.text_value(dataset, "SeriesInstanceUID"), positions, notes)


def captured(dataset: Dataset) -> bool:
    """Whether it is a picture of a screen, into which a station may have written anything."""
    return object_type.is_capture(dataset)


def burned_in(dataset: Dataset) -> bool:
    """Whether the file itself says that its pixels hold what may identify the patient (Burned In Annotation, tag
    (0028,0301)). Silence and NO prove nothing; see `ml.readers.burned_in_text`."""
    return object_type.text_value(dataset, "BurnedInAnnotation").upper() == "YES"


def _count(dataset: FileDataset, keyword: str) -> int:
    """A size of the picture. All but its rows and columns may be absent, and are 1 then."""
    try:
        value = dataset.get(keyword)
        number = int(value) if value not in (None, "") else int(keyword not in ("Rows", "Columns"))
    except Exception:
        number = 0
    if number < 1:
        raise UnreadableImage("dicom_damaged", f"The DICOM file is damaged: {keyword} is no usable number.")
    return number


def _squared(plane: pixels.Plane, side: tuple[float, float]) -> pixels.Plane:
    """Resampled so that pixels are as fine as their shorter side, both ways."""
    fine = min(side)
    size = (max(round(plane.shape[1] * side[1] / fine), 1), max(round(plane.shape[0] * side[0] / fine), 1))
    return np.asarray(Pillow.fromarray(plane).resize(size, Pillow.Resampling.BILINEAR))
