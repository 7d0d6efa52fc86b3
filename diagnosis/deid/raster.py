"""A PNG, JPEG, TIFF, WebP, BMP or GIF that holds nothing but its picture.

Of JPEG and PNG the parts that draw the picture are taken over as they are, and no part besides; nothing is compressed
anew. The other formats are few among scans and rich in corners, so they are decoded and written again without loss. In
either case what was written is read back: if it does not give the very same pixels, it is not used.
"""

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

from PIL import Image as Pillow

from diagnosis.deid import jpeg, png
from diagnosis.deid.exif import exif
from ml import readers
from ml.contracts import UnreadableImage

_ORIENTATION = 0x0112
_TURNED_BACK = {
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_90,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_270,
}
"""From upright to how a file with this EXIF orientation stores it."""
_STRUCTURE = frozenset(
    [*range(254, 260), 262, 263, 266, 273, 274, *range(277, 285), 292, 293, 296, 297, 301, *range(317, 326)]
) | frozenset([332, 334, 336, 338, 339, 340, 341, 347, *range(512, 522), *range(529, 533)])
"""TIFF tags that say how pixels are stored; all others tell of something else."""
_KINDS = {700: "XMP", 33723: "IPTC", 34377: "Photoshop data", 34665: "EXIF", 34675: "color profile", 34853: "EXIF"}
_INFO = {
    "exif": "EXIF",
    "xmp": "XMP",
    "icc_profile": "color profile",
    "comment": "comment",
    "photoshop": "Photoshop data",
    "extension": "other data",
}


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A file that may be stored. format: as `ml.readers.sniff` names it; not always that of the original. dropped:
    which kinds of data were left out, never what they said."""

    data: bytes
    format: str
    dropped: tuple[str, ...]


def clean(data: bytes, *, file_format: str, orientation: int, pixel_sha256: str) -> Cleaned:
    """The file without anything that is not the picture.

    file_format (its format), orientation, pixel_sha256: of the picture that `ml.readers.read` gave for `data`.

    Of the metadata only the orientation stays. Of several pictures in one file only the first stays, as only that is
    read.

    Raises UnreadableImage with code `not_separable`: no way leads to a file with the same pixels.
    """
    ways: list[Callable[[], Cleaned]] = [lambda: _rewritten(data, file_format, orientation)]
    if file_format == "JPEG":
        ways.insert(0, lambda: Cleaned(*_with_format("JPEG", jpeg.stripped(data, orientation))))
    elif file_format == "PNG":
        ways.insert(0, lambda: Cleaned(*_with_format("PNG", png.stripped(data, orientation))))
    for way in ways:
        try:
            found = way()
            if found.data == data:  # it held nothing else; of two copies one is enough
                return replace(found, data=data)
            again = readers.read(found.data)
        except Exception:  # noqa: S112 - what cannot be taken apart; Pillow raises almost anything
            continue
        if again.pixel_sha256() == pixel_sha256:
            return found
    raise UnreadableImage(
        "not_separable", f"The {file_format} file's picture cannot be told from what else is in it. Export it as PNG."
    )


def _with_format(name: str, found: tuple[bytes, frozenset[str]]) -> tuple[bytes, str, tuple[str, ...]]:
    return found[0], name, tuple(sorted(found[1]))


def _rewritten(data: bytes, file_format: str, orientation: int) -> Cleaned:
    """Decoded and stored without loss: as TIFF what PNG cannot hold, all else as PNG."""
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd metadata, which is not kept
        picture = Pillow.open(io.BytesIO(data), formats=[file_format])
        dropped = _named(picture)
        picture.load()
        bare = picture.copy()  # without the tags that Pillow would write again by itself
        transparency = bare.info.get("transparency")
        bare.info = {} if transparency is None else {"transparency": transparency}
        if file_format == "TIFF":
            if orientation in _TURNED_BACK:  # of a TIFF, Pillow turns the pixels when it loads them
                bare = bare.transpose(_TURNED_BACK[orientation])
            tags = {_ORIENTATION: orientation} if orientation != 1 else {}
            bare.save(stream, "TIFF", tiffinfo=tags, compression="tiff_adobe_deflate")
            return Cleaned(stream.getvalue(), "TIFF", dropped)
        turn = {"exif": exif(orientation)} if orientation != 1 else {}
        bare.save(stream, "PNG", **turn)
    return Cleaned(stream.getvalue(), "PNG", dropped)


def _named(picture: Pillow.Image) -> tuple[str, ...]:
    found = {_INFO[key] for key in picture.info if key in _INFO}
    found |= {_KINDS.get(tag, "text and other tags") for tag in getattr(picture, "tag_v2", ()) if tag not in _STRUCTURE}
    if getattr(picture, "n_frames", 1) > 1:
        found.add("further pictures")
    return tuple(sorted(found))
