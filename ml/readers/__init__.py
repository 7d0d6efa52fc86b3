"""From bytes to a decoded picture. The reader is chosen by what the bytes are, never by a file's name.

`sniff` names the kind, `read` decodes it. Whatever cannot be read raises `UnreadableImage` with a code that names the
rule, and a sentence that says what to do.
"""

from pathlib import Path

from ml.contracts import Image, UnreadableImage
from ml.readers import raster
from ml.readers.sniffing import sniff

__all__ = ["MAX_PIXELS", "read", "sniff"]

MAX_PIXELS = 25_000_000
"""Largest picture that is decoded, in pixels: about 75 MB as RGB. Clinical MR slices stay under 2 million."""


def read(source: Path | str | bytes, *, max_pixels: int = MAX_PIXELS) -> Image:
    """Decode one image file, given as a path or as its bytes.

    Raises UnreadableImage: the file is empty, of a kind that is not read, damaged, or claims more than `max_pixels`.
    """
    data = source if isinstance(source, bytes) else _load(Path(source))
    return raster.read(data, kind=sniff(data), max_pixels=max_pixels)


def _load(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableImage("not_found", f"The file could not be opened: {error.strerror}.") from error
