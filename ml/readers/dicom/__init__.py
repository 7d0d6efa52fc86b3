"""DICOM files of one or many frames, each decoded only when it is requested."""

from dataclasses import dataclass

from pydicom.dataset import Dataset, FileDataset

from ml.contracts import Image, UnreadableImage
from ml.readers import color
from ml.readers.aspect import squared
from ml.readers.dicom import geometry, object_type, pixel_description, pixels
from ml.readers.dicom.attributes import text_value
from ml.readers.dicom.geometry import SlicePosition
from ml.readers.dicom.header import parse
from ml.readers.values import EIGHT_BITS, GrayValues

__all__ = ["MAX_FRAMES", "Opened", "burned_in", "captured", "open_file"]

MAX_FRAMES = 2_000
"""Frames per file. A head in steps of 0.5 mm has about 400."""
MAX_BYTES = 512_000_000
"""Size of all decoded frames: almost 1,000 slices of 512 × 512 pixels with 16 bits."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A DICOM file of a supported type.

    frames: number of frames. series: Series Instance UID as in the file, "" if absent. positions: one per frame, None
    if unknown. notes: sentences that apply to all frames.
    """

    dataset: FileDataset
    frames: int
    series: str
    positions: tuple[SlicePosition | None, ...]
    notes: tuple[str, ...]

    def image(self, index: int, *, window: int | None = 0) -> Image:
        """Frame `index`, from 0, with square pixels; width and height are still those of the file.

        Raises UnreadableImage; see `pixels.frame`.
        """
        gray = pixels.frame(self.dataset, index, window=window)
        height, width = gray.plane.shape
        plane, resampled = squared(gray.plane, geometry.pixel_spacing(self.dataset, index))
        notes = (*self.notes, f"Gray values: {', '.join(gray.route)}.", *resampled)
        seen = color.measure(gray.rgb) if gray.rgb is not None else color.NONE
        return Image(plane, "DICOM", width, height, 1, notes, seen.fraction, seen.inner)

    def values(self, index: int) -> GrayValues:
        """Frame `index` before any window, with square pixels. Raises UnreadableImage; see `pixels.frame`."""
        gray = pixels.frame(self.dataset, index, window=None, as_shown=False)
        height, width = gray.plane.shape
        sides = geometry.millimeters(self.dataset, index)
        plane, _ = squared(gray.plane, geometry.pixel_spacing(self.dataset, index))
        in_color = gray.rgb is not None
        return GrayValues(
            plane,
            (EIGHT_BITS,) if in_color else pixels.linear_windows(self.dataset, index, gray.plane),
            inverted=not in_color and pixels.is_inverted(self.dataset),
            millimeters=None if sides is None else (width * sides[1], height * sides[0]),
        )


def open_file(data: bytes, *, max_pixels: int) -> Opened:
    """Open a DICOM file.

    Raises UnreadableImage for a file that is damaged, too large, or of a type that is set aside, with the codes of
    `header.parse` and `object_type.check`, or `too_many_pixels`, `too_many_frames`, `dicom_too_large` and
    `dicom_damaged`.
    """
    dataset = parse(data)
    notes = object_type.check(dataset)
    rows, columns = (pixel_description.size(dataset, name) for name in ("Rows", "Columns"))
    if rows * columns > max_pixels:
        raise UnreadableImage(
            "too_many_pixels",
            f"The DICOM file claims {columns} × {rows} pixels (tags (0028,0011) and (0028,0010)); at most "
            f"{max_pixels:,} are read.",
        )
    notes += pixel_description.check(dataset)
    frames, bits, samples = (
        pixel_description.size(dataset, name) for name in ("NumberOfFrames", "BitsAllocated", "SamplesPerPixel")
    )
    if frames > MAX_FRAMES:
        raise UnreadableImage(
            "too_many_frames",
            f"The DICOM file claims {frames:,} frames (tag (0028,0008)); at most {MAX_FRAMES:,} are read.",
        )
    if rows * columns * frames * samples * max(bits, 8) // 8 > MAX_BYTES:
        raise UnreadableImage(
            "dicom_too_large",
            f"The DICOM file's images take more than {MAX_BYTES // 1_000_000} MB once they are unpacked (Rows, "
            "Columns and Number of Frames, tags (0028,0010), (0028,0011) and (0028,0008)).",
        )
    positions = tuple(geometry.slice_position(dataset, index) for index in range(frames))
    return Opened(dataset, frames, text_value(dataset, "SeriesInstanceUID"), positions, notes)


def captured(dataset: Dataset) -> bool:
    """Whether it is an image of a screen, which may show any text that was on the screen."""
    return object_type.is_capture(dataset)


def burned_in(dataset: Dataset) -> bool:
    """Whether the file itself says that its pixels may identify the patient (Burned In Annotation, tag (0028,0301)).

    No value and NO prove nothing; see `ml.readers.burned_in_text`.
    """
    return text_value(dataset, "BurnedInAnnotation").upper() == "YES"
