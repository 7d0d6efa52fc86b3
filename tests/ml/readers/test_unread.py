"""Formats that are known and not read: each is named, with what to do instead."""

import bz2
import gzip
import lzma
import struct
import zlib
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from ml import readers
from ml.contracts import UnreadableImage
from ml.readers import archives, sniffing, unread
from tests import builders
from tests.ml.readers.archives.packing import outcomes, zipped
from tests.verification.security import tried


def ftyp(major: bytes, *compatible: bytes) -> bytes:
    """The first box of an ISO base media file (ISO/IEC 14496-12, 4.3)."""
    body = b"ftyp" + major + bytes(4) + b"".join(compatible)
    return struct.pack(">I", 4 + len(body)) + body + bytes(100)


def header(kind: Any, dtype: Any = np.float64) -> bytes:
    """The header of a volume of this kind of nibabel's, for a file of its own."""
    return bytes(kind(np.zeros((4, 5, 6), dtype), np.eye(4)).header.binaryblock)


VOLUME = nib.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.eye(4)).to_bytes()  # type: ignore[no-untyped-call]
XML = b'<?xml version="1.0"?>\n'
STL = bytes(80) + struct.pack("<I", 3) + bytes(150)
OLD_WORD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500)

FORMATS = [
    ("MetaImage", "volume_format", b"ObjectType = Image\nNDims = 3\n"),
    ("PAR/REC", "volume_format", b"# === DATA DESCRIPTION FILE ======\n"),
    ("XML/REC", "volume_format", XML + b"<PRIDE_V5>\n<Series_Info>"),
    (".hdr and .img", "volume_format", header(nib.Nifti1Pair)),
    (".hdr and .img", "volume_format", header(nib.Nifti2Pair)),
    ("Analyze", "volume_format", header(nib.AnalyzeImage, np.float32)),
    ("MINC 1", "volume_format", b"CDF\x01" + bytes(40)),
    ("HDF5", "volume_format", b"\x89HDF\r\n\x1a\n" + bytes(40)),
    ("HDF5", "volume_format", bytes(512) + b"\x89HDF\r\n\x1a\n" + bytes(40)),
    ("MATLAB", "volume_format", b"MATLAB 5.0 MAT-file, Platform: PCWIN64, Created on: Mon" + bytes(100)),
    ("MATLAB", "volume_format", b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512) + b"\x89HDF\r\n\x1a\n"),
    ("Bruker", "volume_format", b"##TITLE=Parameter List, ParaVision 6.0.1\n##JCAMPDX=4.24\n"),
    ("AFNI", "volume_format", b"\ntype  = string-attribute\nname  = TYPESTRING\n"),
    ("VTK", "volume_format", b"# vtk DataFile Version 3.0\nbrain\n"),
    ("VTK", "volume_format", XML + b'<VTKFile type="ImageData">'),
    ("NumPy", "volume_format", b"\x93NUMPY\x01\x00v\x00{'descr': '<f4'}"),
    ("GE Signa", "volume_format", b"IMGF\0\0\x1e\xc0" + bytes(40)),
    ("JPEG XL", "image_format", b"\xff\x0a\xfa\x7f" + bytes(40)),
    ("JPEG XL", "image_format", b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40)),
    ("JPEG XR", "image_format", b"II\xbc\x01" + bytes(40)),
    ("HEIC", "image_format", ftyp(b"heic", b"mif1", b"heic")),
    ("HEIC", "image_format", ftyp(b"mif1", b"heic")),
    ("HEIC", "image_format", ftyp(b"hevc", b"msf1")),
    ("camera", "image_format", ftyp(b"crx ", b"isom")),
    ("Photoshop", "image_format", b"8BPS\0\x01" + bytes(40)),
    ("GIMP", "image_format", b"gimp xcf v011\0"),
    ("PNM", "image_format", b"P5\n# a comment\n64 64\n255\n" + bytes(4096)),
    ("FITS", "image_format", b"SIMPLE  =                    T / conforms"),
    ("OpenEXR", "image_format", b"\x76\x2f\x31\x01\x02\0\0\0"),
    ("ICO", "image_format", b"\0\0\x01\0\x01\0\x20\x20\0\0\x01\0\x20\0"),
    ("7z", "archive_format", b"7z\xbc\xaf\x27\x1c\0\x04" + bytes(40)),
    ("RAR", "archive_format", b"Rar!\x1a\x07\x00" + bytes(40)),
    ("RAR", "archive_format", b"Rar!\x1a\x07\x01\x00" + bytes(40)),
    ("bzip2", "archive_format", bz2.compress(VOLUME)),
    ("bzip2", "archive_format", bz2.compress(b"")),
    ("xz", "archive_format", lzma.compress(VOLUME)),
    ("LZMA", "archive_format", lzma.compress(VOLUME, lzma.FORMAT_ALONE)),
    ("Zstandard", "archive_format", b"\x28\xb5\x2f\xfd\x24" + bytes(40)),
    ("LZ4", "archive_format", b"\x04\x22\x4d\x18\x64" + bytes(40)),
    ("compress", "archive_format", b"\x1f\x9d\x90" + bytes(40)),
    ("Cabinet", "archive_format", b"MSCF\0\0\0\0" + bytes(40)),
    ("LHA", "archive_format", b"\x21\x5f-lh5-" + bytes(40)),
    ("cpio", "archive_format", b"070701" + b"0" * 104),
    (".iso", "archive_format", bytes(32769) + b"CD001\x01" + bytes(2048)),
    ("split", "archive_split", b"PK\x07\x08PK\x03\x04" + bytes(40)),
    ("PDF", "pdf", b"%PDF-1.7\n"),
    ("Word", "document", OLD_WORD),
    ("RTF", "document", rb"{\rtf1\ansi A report.}"),
    ("PostScript", "document", b"%!PS-Adobe-3.0\n"),
    ("database", "document", b"SQLite format 3\0" + bytes(40)),
    ("MP4", "video", ftyp(b"isom", b"mp41")),
    ("QuickTime", "video", ftyp(b"qt  ")),
    ("AVI", "video", b"RIFF\x10\0\0\0AVI LIST"),
    ("Matroska", "video", b"\x1a\x45\xdf\xa3" + bytes(40)),
    ("Windows Media", "video", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11" + bytes(40)),
    ("MPEG", "video", b"\0\0\x01\xba\x44" + bytes(40)),
    ("MPEG", "video", (b"\x47" + bytes(187)) * 4),
    ("STL", "surface", b"solid brain\n  facet normal 0 0 1\n"),
    ("STL", "surface", STL),
    ("PLY", "surface", b"ply\nformat ascii 1.0\n"),
    ("OBJ", "surface", b"# made by hand\n\nmtllib a.mtl\no brain\nv 1.0 -2.5e-3 3\nv 1 2 4\n"),
    ("FreeSurfer", "surface", b"\xff\xff\xfecreated by nicks on Mon\n\n"),
    ("GIFTI", "surface", XML + b'<!DOCTYPE GIFTI SYSTEM "http://www.nitrc.org/gifti.dtd">\n<GIFTI Version="1.0">'),
    ("program", "program", b"MZ\x90\x00"),
    ("program", "program", b"\x7fELF\x02"),
    ("shortcut", "program", b"L\0\0\0\x01\x14\x02\0" + bytes(40)),
    ("placeholder", "program", b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n"),
    ("placeholder", "program", b"/annex/objects/MD5E-s9--1.nii.gz\n"),
    ("macOS", "program", b"\0\x05\x16\x07\0\x02\0\0Mac OS X" + bytes(40)),
]

DOCUMENTS = [
    ("NumPy", "volume_format", zipped({"image.npy": b"x", "mask.npy": b"y"})),
    ("Word", "document", zipped({"[Content_Types].xml": b"<x/>", "word/document.xml": b"<x/>"})),
    ("PowerPoint", "document", zipped({"_rels/.rels": b"", "ppt/media/image1.png": b"", "[Content_Types].xml": b""})),
    ("Excel", "document", zipped({"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"<x/>"})),
    ("OpenDocument", "document", zipped({"mimetype": b"application/vnd.oasis.opendocument.text"}, method=0)),
    ("e-book", "document", zipped({"mimetype": b"application/epub+zip"}, method=0)),
]
"""ZIP archives whose files tell that they are something else."""


def refused(data: bytes) -> UnreadableImage:
    with pytest.raises(UnreadableImage) as caught:
        readers.read(data)
    assert caught.value.message.endswith(".")
    return caught.value


@pytest.mark.parametrize(("name", "code", "data"), FORMATS, ids=[f"{one[0]} {n}" for n, one in enumerate(FORMATS)])
def test_the_format_is_named(name: str, code: str, data: bytes) -> None:
    found = refused(data)
    assert (found.code, name in found.message) == (code, True), found.message
    assert sniffing.may_hold_many(data[:65536]) or data is STL  # else a large one would be refused for its size


@pytest.mark.parametrize(("name", "code", "data"), DOCUMENTS, ids=[one[0] for one in DOCUMENTS])
def test_a_document_is_not_unpacked(name: str, code: str, data: bytes) -> None:
    """The drawings of a presentation are no scans."""
    with pytest.raises(UnreadableImage) as caught:
        list(archives.members(data))
    assert (caught.value.code, name in caught.value.message) == (code, True), caught.value.message


def test_a_document_in_an_archive_is_named() -> None:
    word = zipped({"[Content_Types].xml": b"<x/>", "word/document.xml": b"<x/>"})
    assert outcomes(zipped({"report.docx": word, "a": b"1"})) == {"report.docx": "document", "a": b"1"}


def test_each_code_has_a_format() -> None:
    assert {code for _, code, _ in FORMATS} == set(unread.WHAT_TO_DO)


def test_a_volume_is_named_also_when_it_is_gzipped() -> None:
    for name, code, data in FORMATS:
        if code == "volume_format":
            assert name in refused(gzip.compress(data)).message
    assert "gzip" in refused(gzip.compress(builders.png_bytes())).message


@pytest.mark.parametrize("start", [b"MZ", b"%PDF-1.7", b"7z\xbc\xaf\x27\x1c", b"II*\0", b"Rar!\x1a\x07\x00"])
def test_what_is_read_is_not_refused_for_how_it_starts(start: bytes) -> None:
    """The preamble of a DICOM file may hold anything (PS3.10, 7.1)."""
    data = start.ljust(128, b"\0") + builders.dicom_bytes(builders.phantom(96))[128:]
    assert sniffing.unread(data[:65536], size=len(data)) is None
    assert readers.read(data).format == "DICOM"
    for good in (builders.png_bytes(), builders.jpeg_bytes(), builders.nifti_bytes(), gzip.compress(VOLUME)):
        assert sniffing.unread(good[:65536], size=len(good)) is None


@pytest.mark.attack("hostile")
@pytest.mark.parametrize(
    "byte", [b"\n", b" ", b"#", b"v ", b"v 1", b"P5", b"P5 #\n", b"o \n", b"solid ", b"../", b"<?xml"]
)
def test_a_hostile_start_is_told_in_no_time(byte: bytes) -> None:
    """A pattern that tries every way to match would never come back."""
    for end in (b"", b"\0", b"\n<"):
        tried()
        unread.unread_format((byte * 65536)[:65000] + end, size=65536)


@pytest.mark.parametrize(
    "data",
    [bytes(7), bytes(10240), bytes(3_000_000), gzip.compress(bytes(10240))],
    ids=["seven", "a block", "megabytes", "gzipped"],  # a gzip file begins with the time, and workers compare ids
)
def test_zeros_are_an_empty_archive_or_a_copy_that_failed(data: bytes) -> None:
    assert (refused(data).code, "zeros" in refused(data).message) == ("empty", True)
    assert refused(gzip.compress(bytes(100_000) + b"voxels")).code == "archive"


@pytest.mark.parametrize(
    "data",
    [
        "Größe: 5 mm".encode("latin-1") * 20,
        "a report".encode("utf-16"),
        "Befund".encode("utf-16-be").join([b"\xfe\xff", b""]),
        b'{"EchoTime": 0.09}',
        b"subject;age\r\n1;50\r\n",
    ],
)
def test_text_is_text_in_any_encoding(data: bytes) -> None:
    assert refused(data).code == "text"


def test_noise_is_no_text() -> None:
    noise = zlib.compress(np.random.default_rng(0).bytes(5000))[9:]
    assert refused(noise).code == "unknown_format"
