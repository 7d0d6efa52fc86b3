"""From bytes to decoded slices. The reader is chosen by the bytes, never by a file's name.

`sniff` names the format. `open_file` returns the file's slices, one for an image and many for a volume, and decodes
each when it is asked for. A file that cannot be read raises `UnreadableImage`, whose code names the rule and whose
sentence says what to do.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ml.contracts import Image, UnreadableImage
from ml.readers import raster
from ml.readers.sniffing import DICOM, VOLUMES, sniff
from ml.readers.values import GrayValues, of_image

__all__ = ["MAX_PIXELS", "Slices", "open_file", "read", "sniff"]

MAX_PIXELS = 25_000_000
"""Pixels of the largest image that is decoded: 75 MB as RGB. Clinical MR slices stay under 2 million."""


class Slices(Protocol):
    """An opened file. frames: number of slices, which are in viewing order."""

    @property
    def frames(self) -> int: ...

    def image(self, index: int) -> Image:
        """Slice `index`, 0 to frames - 1. Raises UnreadableImage."""

    def values(self, index: int) -> GrayValues:
        """The same slice before any window was applied. Raises UnreadableImage."""


@dataclass(frozen=True, slots=True)
class SingleImage:
    """A file with one slice."""

    only: Image
    frames: int = 1

    def image(self, index: int) -> Image:
        if index:
            raise IndexError(f"slice {index} of one")
        return self.only

    def values(self, index: int) -> GrayValues:
        return of_image(self.image(index).pixels)


def open_file(source: Path | str | bytes, *, max_pixels: int = MAX_PIXELS) -> Slices:
    """Open a file, given as a path or as its bytes.

    Raises UnreadableImage if it is empty, damaged, in a format that is not read, or claims a slice of more than
    `max_pixels`.
    """
    data = source if isinstance(source, bytes) else _load(Path(source))
    file_format = sniff(data)
    # Imported here because raster images need neither pydicom nor nibabel.
    if file_format == DICOM:
        from ml.readers import dicom

        return dicom.open_file(data, max_pixels=max_pixels)
    if file_format in VOLUMES:
        from ml.readers import volumes

        return volumes.open_file(data, file_format=file_format, max_pixels=max_pixels)
    return SingleImage(raster.read(data, file_format=file_format, max_pixels=max_pixels))


def read(source: Path | str | bytes, *, max_pixels: int = MAX_PIXELS) -> Image:
    """Decode a file with one slice.

    Raises UnreadableImage as `open_file` does, and with code `many_slices` if the file holds more.
    """
    opened = open_file(source, max_pixels=max_pixels)
    if opened.frames > 1:
        raise UnreadableImage("many_slices", f"The file holds {opened.frames:,} slices, and one was asked for.")
    return opened.image(0)


def _load(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableImage("not_found", f"The file could not be opened: {error.strerror}.") from error
