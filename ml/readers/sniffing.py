"""A file's format, told from its first bytes.

File names and declared content types are the uploader's claim and are ignored. Formats that are known but not read get
a sentence of their own, so that somebody who uploads a PDF or a web page learns what it was taken for.
"""

import re
import zlib

from ml.contracts import UnreadableImage
from ml.readers import bare_dicom

ACCEPTED = "DICOM, NIfTI, PNG, JPEG, TIFF, WebP, BMP or GIF"

DICOM, NIFTI, NIFTI_GZ = "DICOM", "NIfTI", "NIfTI.gz"

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

_OTHER_VOLUMES = (
    (re.compile(rb"NRRD000\d"), "NRRD"),
    (re.compile(rb"(?:Comment|ObjectType|NDims) *= "), "MetaImage"),
    (re.compile(rb"# === DATA DESCRIPTION FILE|# CLINICAL TRYOUT"), "Philips PAR/REC"),
    (re.compile(rb"\0\0\0\x01(?:\0\0..){4}\0\0\0[\0\x01\x03\x04]", re.DOTALL), "FreeSurfer MGH"),
    (re.compile(rb"\\\x01\0\0.{36}|\0\0\x01\\.{36}", re.DOTALL), "NIfTI or Analyze as a pair of files (.hdr and .img)"),
    (re.compile(rb"CDF[\x01\x02]"), "MINC 1"),
    (re.compile(rb"\x89HDF\r\n\x1a\n"), "HDF5, as MINC 2 and MATLAB write it"),
)
"""Volumes of research tools. The tools that write them also write NIfTI, so we need no reader for each."""

_MARKUP = re.compile(rb"^\s*(<\?xml|<!doctype|<!--|<html|<svg|<head|<body|<script)", re.IGNORECASE)
_ACTIVE = re.compile(rb"<script|<!doctype|<html[\s>]|<iframe|<svg\s+xmlns|<foreignobject", re.IGNORECASE)


def sniff(data: bytes) -> str:
    """Name the format of `data`: PNG, JPEG, GIF, TIFF, BMP, WEBP, DICOM, NIfTI or NIfTI.gz.

    Raises UnreadableImage with code `empty`, `markup`, `active_content`, `pdf`, `archive`, `program`, `text` or
    `unknown_format`, or with `volume_format` for a volume as research tools write it.
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
            f"The {name} file also holds HTML or script, which a scan never does. Export the picture again without it.",
        )
    return name


def may_hold_many(head: bytes) -> bool:
    """Whether a file that starts like this (512 bytes or more) may hold many slices, so that it may be larger than a
    picture: an archive, DICOM or a volume. Also true for volumes that `sniff` then refuses, with the better reason."""
    magic = (b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b")
    try:
        return head.startswith(magic) or head[257:262] == b"ustar" or _multi_slice_format(head) is not None
    except UnreadableImage:
        return True


def _multi_slice_format(data: bytes) -> str | None:
    """Formats that may hold many slices. A TIFF or a PNG in DICOM's preamble is a DICOM file (PS3.10, 7.1)."""
    if bare_dicom.is_dicom(data):
        return DICOM
    if _is_nifti(data):
        return NIFTI
    if data.startswith(b"\x1f\x8b"):
        try:
            head = zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(data[:65536], 540)
        except zlib.error:
            return None
        if _is_nifti(head):
            return NIFTI_GZ
        _check_other_volume(head)
        return None
    _check_other_volume(data[:540])
    return None


def _check_other_volume(head: bytes) -> None:
    for begins, what in _OTHER_VOLUMES:
        if begins.match(head):
            raise UnreadableImage(
                "volume_format", f"Not read: this is a volume stored as {what}. Export it as NIfTI (.nii.gz) or DICOM."
            )


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
        return error.start > len(head) - 4  # the 4096-byte window cut a character in two
    return True
