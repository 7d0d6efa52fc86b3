"""From bytes to decoded slices. The reader is chosen by what the bytes are, never by a file's name.

`sniff` names the kind, `open_file` gives the slices that the file holds, one for a picture and many for a volume, and
decodes each when it is asked for. Whatever cannot be read raises `UnreadableImage` with a code that names the rule, and
a sentence that says what to do.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ml.contracts import Image, UnreadableImage
from ml.readers import raster
from ml.readers.sniffing import DICOM, NIFTI, NIFTI_GZ, sniff

__all__ = ["MAX_PIXELS", "Slices", "open_file", "read", "sniff"]

MAX_PIXELS = 25_000_000
"""Largest picture that is decoded, in pixels: about 75 MB as RGB. Clinical MR slices stay under 2 million."""


class Slices(Protocol):
    """An opened file. frames: how many slices it holds, in the order in which they are looked at."""

    @property
    def frames(self) -> int: ...

    def image(self, index: int) -> Image:
        """Slice `index`, 0 to frames - 1. Raises UnreadableImage."""


@dataclass(frozen=True, slots=True)
class Single:
    """A file of one picture."""

    picture: Image
    frames: int = 1

    def image(self, index: int) -> Image:
        if index:
            raise IndexError(f"slice {index} of one")
        return self.picture


def open_file(source: Path | str | bytes, *, max_pixels: int = MAX_PIXELS) -> Slices:
    """Open a file, given as a path or as its bytes.

    Raises UnreadableImage: the file is empty, of a kind that is not read, damaged, or claims more than `max_pixels` for
    a slice.
    """
    data = source if isinstance(source, bytes) else _load(Path(source))
    kind = sniff(data)
    # Here, as raster pictures need neither pydicom nor nibabel.
    if kind == DICOM:
        from ml.readers import dicom

        return dicom.open_file(data, max_pixels=max_pixels)
    if kind in (NIFTI, NIFTI_GZ):
        from ml.readers import nifti

        return nifti.open_file(nifti.inflate(data) if kind == NIFTI_GZ else data, max_pixels=max_pixels)
    return Single(raster.read(data, kind=kind, max_pixels=max_pixels))


def read(source: Path | str | bytes, *, max_pixels: int = MAX_PIXELS) -> Image:
    """Decode a file of one slice.

    Raises UnreadableImage as `open_file` does, and with code `many_slices` for a file that holds more.
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
