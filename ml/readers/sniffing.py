"""A file's format, told from its first bytes.

File names and declared content types are the uploader's claim and are ignored. Formats that are known but not read get
a sentence of their own (`ml.readers.unread`), so that somebody who uploads a PDF or a web page learns what it was taken
for.
"""

import re
import zlib

from ml.contracts import UnreadableImage
from ml.readers import bare_dicom
from ml.readers.archives.member import HEAD, is_archive
from ml.readers.unread import unread_format

ACCEPTED = "DICOM, NIfTI, NRRD, FreeSurfer MGH, PNG, JPEG, TIFF, WebP, BMP or GIF"

DICOM, NIFTI, MGH, NRRD = "DICOM", "NIfTI", "MGH", "NRRD"
GZIPPED = ".gz"
"""Behind the name of a volume's format: the whole file is gzipped."""
VOLUMES = tuple(name + packed for name in (NIFTI, MGH, NRRD) for packed in ("", GZIPPED))

_RASTER = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\x00", "TIFF"),
    (b"II+\x00", "TIFF"),  # BigTIFF
    (b"MM\x00+", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"BM", "BMP"),
)

_GZIP = b"\x1f\x8b"
_EMPTY_TAR = 10_240
"""Bytes of a tar archive without files: zeros, in a record of its usual size."""
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_VOLUME_STARTS = (
    (re.compile(rb"NRRD000\d"), NRRD),
    (re.compile(rb"\0\0[\0-\x09]\x01(?:\0\0..){4}\0\0\0[\0-\x0a]", re.DOTALL), MGH),
)

_MARKUP = re.compile(rb"^\s*(<\?xml|<!doctype|<!--|<html|<svg|<head|<body|<script)", re.IGNORECASE)
_ACTIVE = re.compile(rb"<script|<!doctype|<html[\s>]|<iframe|<svg\s+xmlns|<foreignobject", re.IGNORECASE)


def sniff(data: bytes) -> str:
    """Name the format of `data`: PNG, JPEG, GIF, TIFF, BMP, WEBP, DICOM, or one of VOLUMES.

    Raises UnreadableImage with code `empty`, `markup`, `active_content`, `archive`, `text` or `unknown_format`, or a
    code of `ml.readers.unread`.
    """
    if not data:
        raise UnreadableImage("empty", "The file is empty (0 bytes).")
    if (many := _multi_slice_format(data)) is not None:
        return many
    name = _raster_format(data)
    if name is None:
        raise _not_an_image(data)
    if _ACTIVE.search(data):
        raise UnreadableImage(
            "active_content",
            f"The {name} file also holds HTML or script, which a scan never does. Export the image again without it.",
        )
    return name


def unread(head: bytes, *, size: int) -> UnreadableImage | None:
    """Why a file is not read, if its first HEAD bytes tell. size: of the whole file."""
    if _multi_slice_format(head) is not None or _raster_format(head) is not None:
        return None
    return unread_format(head, size=size)


def may_hold_many(head: bytes) -> bool:
    """Whether a file that starts like this (512 bytes or more) may be larger than an image: an archive, DICOM, a
    volume, or anything that is not read, so that its refusal names the format and not the size."""
    return (
        head.startswith(_GZIP)
        or is_archive(head)
        or _multi_slice_format(head) is not None
        or unread(head, size=-1) is not None
    )


def _multi_slice_format(data: bytes) -> str | None:
    """Formats that may hold many slices. A TIFF or a PNG in DICOM's preamble is a DICOM file (PS3.10, 7.1)."""
    if bare_dicom.is_dicom(data):
        return DICOM
    if (name := _volume_format(data)) is not None:
        return name
    packed = _volume_format(_gunzipped_head(data))
    return None if packed is None else packed + GZIPPED


def _gunzipped_head(data: bytes) -> bytes:
    """The first bytes of what a gzip file holds; none if it is no gzip file, or damaged."""
    if not data.startswith(_GZIP):
        return b""
    try:
        return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(data[:HEAD], 2 * _EMPTY_TAR)
    except zlib.error:
        return b""


def _volume_format(head: bytes) -> str | None:
    if _is_nifti(head):
        return NIFTI
    return next((name for begins, name in _VOLUME_STARTS if begins.match(head)), None)


def _is_nifti(head: bytes) -> bool:
    """A single-file volume, by its magic string (NIfTI-1 at byte 344, NIfTI-2 at byte 4), whose last bytes may be odd
    if the header's size is right."""
    if head[344:348] == b"n+1\x00" or head[4:12] == b"n+2\x00\r\n\x1a\n":
        return True
    size = head[:4], head[3::-1]
    return ((348).to_bytes(4) in size and head[344:347] == b"n+1") or (
        (540).to_bytes(4) in size and head[4:7] == b"n+2"
    )


def _raster_format(data: bytes) -> str | None:
    for magic, name in _RASTER:
        if data.startswith(magic):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    return None


def _not_an_image(data: bytes) -> UnreadableImage:
    gunzipped = _gunzipped_head(data)
    if not data.strip(b"\x00") or (0 < len(gunzipped) <= _EMPTY_TAR and not gunzipped.strip(b"\x00")):
        return UnreadableImage(
            "empty",
            "The file holds nothing but zeros: it is an empty tar archive, or a copy that failed. Copy it again.",
        )
    if refused := unread_format(data[:HEAD], size=len(data)):
        return refused
    if is_archive(data[:HEAD]):
        return UnreadableImage("archive", "Not an image: this is an archive. Unpack it first.")
    if data.startswith(_GZIP):
        refused = unread_format(gunzipped, size=-1)
        if refused and refused.code == "volume_format":
            return refused
        return UnreadableImage(
            "archive",
            "Not an image: this is a gzip file. It holds neither a volume that is read nor a tar archive; unpack it.",
        )
    head = data[:4096].removeprefix(b"\xef\xbb\xbf")
    if _MARKUP.search(head):
        return UnreadableImage("markup", f"Not a scan: this is SVG, HTML or XML. Accepted: {ACCEPTED}.")
    if _is_text(head):
        return UnreadableImage("text", f"Not an image: this is text. Accepted: {ACCEPTED}.")
    return UnreadableImage("unknown_format", f"Not an image we can read. Accepted: {ACCEPTED}.")


def _is_text(head: bytes) -> bool:
    """Whether it is text: in UTF-8, in UTF-16 with its mark, or in an old code page, of which most is ASCII."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head[2::2].count(0) > len(head) // 4 or head[3::2].count(0) > len(head) // 4
    if _CONTROL.search(head):
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        cut = error.start > len(head) - 4  # the 4096-byte window cut a character in two
        return cut or sum(byte < 128 for byte in head) > 0.8 * len(head)
    return True
