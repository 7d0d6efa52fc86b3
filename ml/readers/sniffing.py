"""What kind of file the bytes are, told from their first bytes.

Names and declared content types are the uploader's claim and are not looked at. Kinds that are known but not read get
their own sentence, so that a person who drops a PDF or a web page learns what it was taken for.
"""

import re

from ml.contracts import UnreadableImage

ACCEPTED = "PNG, JPEG, TIFF, WebP, BMP or GIF"

_RASTER = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"BM", "BMP"),
)

_KNOWN_OTHERS = (
    (b"%PDF", "pdf", "a PDF document"),
    (b"PK\x03\x04", "archive", "a ZIP archive or an office document"),
    (b"\x1f\x8b", "archive", "a gzip file"),
    (b"MZ", "program", "a program"),
    (b"\x7fELF", "program", "a program"),
)

_MARKUP = re.compile(rb"^\s*(<\?xml|<!doctype|<!--|<html|<svg|<head|<body|<script)", re.IGNORECASE)
_ACTIVE = re.compile(rb"<script|<!doctype|<html[\s>]|<iframe|<svg\s+xmlns|<foreignobject", re.IGNORECASE)


def sniff(data: bytes) -> str:
    """Name the raster format of `data`: PNG, JPEG, GIF, TIFF, BMP or WEBP.

    Raises UnreadableImage with code `empty`, `markup`, `active_content`, `dicom`, `pdf`, `archive`, `program`, `text`
    or `unknown_format`.
    """
    if not data:
        raise UnreadableImage("empty", "The file is empty (0 bytes).")
    kind = _raster_kind(data)
    if kind is None:
        raise _not_an_image(data)
    if _ACTIVE.search(data):
        raise UnreadableImage(
            "active_content",
            f"The {kind} file also holds HTML or script, which a scan never does. Export the picture again without it.",
        )
    return kind


def _raster_kind(data: bytes) -> str | None:
    for magic, kind in _RASTER:
        if data.startswith(magic):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    return None


def _not_an_image(data: bytes) -> UnreadableImage:
    if data[128:132] == b"DICM":
        return UnreadableImage("dicom", f"This is a DICOM file; this version reads {ACCEPTED}. Export the slice first.")
    for magic, code, what in _KNOWN_OTHERS:
        if data.startswith(magic):
            return UnreadableImage(code, f"Not an image: this is {what}. Accepted: {ACCEPTED}.")
    head = data[:4096].removeprefix(b"\xef\xbb\xbf")
    if _MARKUP.search(head):
        return UnreadableImage("markup", f"Not a scan: this is SVG, HTML or XML. Accepted: {ACCEPTED}.")
    if _is_text(head):
        return UnreadableImage("text", f"Not an image: this is text. Accepted: {ACCEPTED}.")
    return UnreadableImage("unknown_format", f"Not an image we can read. Accepted: {ACCEPTED}.")


def _is_text(head: bytes) -> bool:
    if b"\x00" in head:
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4  # a character cut in two by the 4096-byte window
    return True
