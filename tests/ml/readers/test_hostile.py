"""What comes in by mistake or on purpose: each gets a reason that names the rule, in little memory, and no name leaks.

Hostile files for one reader are tested beside that reader: dicom/, volumes/, archives/, raster/, test_readers.
"""

import gzip
import io
import logging
import re
import struct
import tracemalloc
import warnings
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataelem import DataElement
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from ml import readers
from ml.contracts import UnreadableImage
from ml.readers import archives
from tests import builders
from tests.verification.security import tried

NAME = "Yamada^Tarou=山田^太郎=やまだ^たろう"
PARTS = ("Yamada", "Tarou", "山田", "太郎", "やまだ", "たろう")
PIXELS = np.arange(1200, dtype=np.uint16).reshape(30, 40)


def scan(*, pixels: np.ndarray = PIXELS, syntax: str | None = None, **tags: Any) -> bytes:
    """A slice of somebody whose name and number are in it, in three scripts."""
    tags = {"SpecificCharacterSet": "ISO_IR 192", "PatientName": NAME, "PatientID": "Yamada", **tags}
    options = {} if syntax is None else {"syntax": syntax}
    return builders.dicom_bytes(pixels, **options, **tags)


def changed(**values: Any) -> bytes:
    """A sound file in which elements were given values afterwards; None: taken out."""
    file = dcmread(io.BytesIO(scan()))
    for keyword, value in values.items():
        if value is None:
            del file[keyword]
        elif isinstance(value, DataElement):
            file[keyword] = value
        else:
            setattr(file, keyword, value)
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file.save_as(stream)
    return stream.getvalue()


def without_transfer_syntax() -> bytes:
    data = scan(syntax=RLELossless)
    start = data.index(b"\x02\x00\x10\x00UI")
    length = struct.unpack("<H", data[start + 6 : start + 8])[0] + 8
    (group,) = struct.unpack("<I", data[140:144])
    return data[:140] + struct.pack("<I", group - length) + data[144:start] + data[start + length :]


def element(keyword: str, vr: str, value: Any) -> DataElement:
    return DataElement(keyword, vr, value, already_converted=True)


def deflate_bomb() -> bytes:
    data = scan(syntax=DeflatedExplicitVRLittleEndian)
    (length,) = struct.unpack("<I", data[140:144])
    packer = zlib.compressobj(wbits=-15)
    zeros = b"".join(packer.compress(bytes(10**7)) for _ in range(12))
    return data[: 144 + length] + zeros + packer.flush()


def written(kind: Any, voxels: np.ndarray) -> bytes:
    """What nibabel writes; its classes have no types."""
    return bytes(kind(voxels, np.eye(4)).to_bytes())


def gzip_bomb() -> bytes:
    head = written(nib.Nifti1Image, np.zeros((4, 4, 4), np.uint8))
    packer = zlib.compressobj(wbits=31)
    return packer.compress(head) + b"".join(packer.compress(bytes(10**7)) for _ in range(15)) + packer.flush()


def volume(*shape: int, dtype: type = np.int16) -> bytes:
    return written(nib.Nifti1Image, np.zeros(shape, dtype))


def nrrd(fields: str, voxels: bytes = bytes(100)) -> bytes:
    common = "type: short\nencoding: raw\nendian: little\ndimension: 3\n"
    return f"NRRD0004\n{fields}{common}\n".encode() + voxels


def nrrd_bomb() -> bytes:
    packer = zlib.compressobj(wbits=31)
    zeros = b"".join(packer.compress(bytes(10**7)) for _ in range(15)) + packer.flush()
    return nrrd("sizes: 500 500 300\n").replace(b"raw", b"gzip")[:-100] + zeros


def huge_mgh() -> bytes:
    data = bytearray(written(nib.MGHImage, np.zeros((4, 4, 4), np.float32)))
    data[4:16] = struct.pack(">3i", 30_000, 30_000, 30_000)
    return bytes(data)


HOSTILE: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "cut off in its elements": (lambda: scan()[:300], "no_pixels", "(7FE0,0010)"),
    "cut off in its pixels": (lambda: scan()[:-500], "dicom_truncated", "(7FE0,0010)"),
    "no transfer syntax": (without_transfer_syntax, "transfer_syntax", "(0002,0010)"),
    "an unknown transfer syntax": (
        lambda: scan().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.9\0"),
        "transfer_syntax",
        "(0002,0010)",
    ),
    "no pixel data": (lambda: changed(PixelData=None), "no_pixels", "(7FE0,0010)"),
    "no SOP class": (lambda: scan()[:132] + scan()[-2400:], "dicom_damaged", "(0008,0016)"),
    "no rows": (lambda: changed(Rows=None), "dicom_damaged", "Rows"),
    "rows in words": (lambda: changed(Rows=element("Rows", "LO", "Yamada")), "dicom_damaged", "Rows"),
    "frames in words": (
        lambda: changed(NumberOfFrames=element("NumberOfFrames", "LO", "Yamada")),
        "dicom_damaged",
        "Number of Frames (0028,0008)",
    ),
    "a photometric interpretation in words": (
        lambda: changed(PhotometricInterpretation="Yamada"),
        "dicom_pixels",
        "(0028,0004) is not one that is read",
    ),
    "a gigabyte claimed": (
        lambda: changed(Rows=5000, Columns=5000, NumberOfFrames=20),
        "dicom_too_large",
        "(0028,0008)",
    ),
    "a gigabyte claimed, compressed": (
        lambda: scan(syntax=RLELossless).replace(
            b"\x28\x00\x10\x00US\x02\x00\x1e\x00", b"\x28\x00\x10\x00US\x02\x00\x60\x61"
        ),
        "dicom_pixels",
        "(7FE0,0010)",
    ),
    "a cine of 10,000 frames": (lambda: changed(NumberOfFrames=10_000), "too_many_frames", "(0028,0008)"),
    "65,535 × 65,535 pixels": (lambda: changed(Rows=65_535, Columns=65_535), "too_many_pixels", "(0028,0010)"),
    "a deflate bomb": (deflate_bomb, "dicom_too_large", "MB"),
    "a CT": (
        lambda: scan(SOPClassUID="1.2.840.10008.5.1.4.1.1.2", Modality="CT"),
        "not_mr",
        "CT Image Storage, no MR image (SOP Class UID, tag (0008,0016))",
    ),
    "a knee": (lambda: scan(BodyPartExamined="KNEE"), "not_brain", "(0018,0015)"),
    "an NRRD bomb": (nrrd_bomb, "too_large", "MB"),
    "an NRRD file of a gigabyte, claimed": (lambda: nrrd("sizes: 900 900 700\n"), "truncated", "are there"),
    "an NRRD header that names a file": (
        lambda: nrrd("sizes: 4 4 4\ndata file: /etc/passwd\n"),
        "volume_format",
        "file",
    ),
    "an NRRD header without an end": (lambda: nrrd("content: " + "x" * 10**6 + "\n"), "damaged", "header"),
    "an MGH file of terabytes, claimed": (huge_mgh, "truncated", "are there"),
    "voxels that are no number": (
        lambda: written(nib.Nifti1Image, np.full((4, 4, 4), np.nan, np.float32)),
        "not_finite",
        "no usable numbers",
    ),
    "voxels without end": (
        lambda: written(nib.Nifti1Image, np.full((4, 4, 4), np.inf, np.float32)),
        "not_finite",
        "no usable numbers",
    ),
    "functional MR": (lambda: volume(4, 4, 4, 200), "four_dimensional", "200 volumes (dim[4] and above)"),
    "a volume claimed": (
        lambda: volume(4, 4, 4)[:42] + struct.pack("<3h", 3000, 3000, 1500) + volume(4, 4, 4)[48:],
        "truncated",
        "cut off",
    ),
    "gzipped garbage": (lambda: gzip.compress(bytes(range(256)) * 9), "archive", "a gzip file"),
    "gzip of nothing": (lambda: gzip.compress(b""), "archive", "a gzip file"),
    "a gzip header alone": (lambda: b"\x1f\x8b\x08", "archive", "a gzip file"),
    "a gzip bomb": (gzip_bomb, "too_large", "MB"),
    "an image bomb": (builders.bomb_png, "too_many_pixels", "pixels"),
}


def outcome(data: bytes) -> UnreadableImage | list[str]:
    """The refusal, or the notes of all slices."""
    try:
        opened = readers.open_file(data)
        return [note for index in range(opened.frames) for note in opened.image(index).notes]
    except UnreadableImage as error:
        return error


def said(found: UnreadableImage | list[str]) -> str:
    return f"{found.code} {found.message} {found}" if isinstance(found, UnreadableImage) else " ".join(found)


def bound(data: bytes) -> int:
    """Bytes; as docs/formats.md states."""
    return 4 * len(data) + 64_000_000


@pytest.mark.attack("hostile")
@pytest.mark.parametrize("what", HOSTILE)
@pytest.mark.slow
def test_hostile_files_are_refused_with_a_reason_in_little_memory(what: str, caplog: pytest.LogCaptureFixture) -> None:
    make, code, reason = HOSTILE[what]
    data = make()
    outcome(scan())  # what is imported and cached on first use is not the file's doing
    caplog.set_level(logging.DEBUG)
    tracemalloc.start()
    try:
        found = outcome(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(found, UnreadableImage)
    assert found.code == code
    assert reason in found.message
    assert not any(part.lower() in (said(found) + caplog.text).lower() for part in PARTS)
    assert peak < bound(data)


def bombs() -> dict[str, bytes]:
    nested, zeros = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zeros, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("scan.dcm", "w") as member:
        for _ in range(8):
            member.write(bytes(10**7))
    with zipfile.ZipFile(nested, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.zip", zeros.getvalue())
    entries = (b"PK\x01\x02" + bytes(42)) * (archives.limits.MAX_ENTRIES + 1)
    end = b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, 0xFFFF, 0xFFFF, len(entries), 0, 0)
    return {"ratio": zeros.getvalue(), "nested": nested.getvalue(), "members": entries + end}


@pytest.mark.attack("hostile")
@pytest.mark.parametrize(
    ("what", "code"), [("ratio", "archive_bomb"), ("nested", "archive_nested"), ("members", "archive_too_many")]
)
def test_hostile_archives_do_not_fill_the_memory(what: str, code: str) -> None:
    data = bombs()[what]
    tracemalloc.start()
    try:
        found = [member.read() for member in archives.members(data)]
        codes = {one.code for one in found if isinstance(one, UnreadableImage)}
    except UnreadableImage as error:
        codes = {error.code}
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert codes == {code}
    assert peak < bound(data)


@pytest.mark.parametrize(
    ("values", "note"),
    [
        ({"WindowCenter": element("WindowCenter", "LO", "Yamada")}, "full range"),
        ({"RescaleSlope": element("RescaleSlope", "LO", "Yamada")}, "the rescale in the file is unusable"),
        ({"PixelSpacing": element("PixelSpacing", "LO", "Yamada")}, "stored values"),
        ({"ImagePositionPatient": element("ImagePositionPatient", "LO", "Yamada")}, "stored values"),
        ({"SharedFunctionalGroupsSequence": element("SharedFunctionalGroupsSequence", "LO", "Yamada")}, "stored"),
        ({"VOILUTSequence": element("VOILUTSequence", "LO", "Yamada")}, "full range"),
        ({"PixelPaddingValue": element("PixelPaddingValue", "LO", "Yamada")}, "stored values"),
        ({"PixelPaddingValue": element("PixelPaddingValue", "FD", float("nan"))}, "stored values"),
        ({"PixelPaddingValue": element("PixelPaddingValue", "FD", float("inf"))}, "stored values"),
        ({"WindowWidth": element("WindowWidth", "FD", float("inf"))}, "full range"),
        ({"HighBit": element("HighBit", "FD", float("nan"))}, "(0028,0102)"),
        ({"ImageType": element("ImageType", "LO", "Yamada")}, "stored values"),
        ({"BodyPartExamined": element("BodyPartExamined", "LO", "Yamada")}, "(0018,0015)"),
        ({"SeriesInstanceUID": element("SeriesInstanceUID", "LO", "Yamada")}, "stored values"),
    ],
)
def test_an_invalid_element_does_not_stop_an_image(values: dict[str, Any], note: str) -> None:
    found = outcome(changed(**values))
    assert isinstance(found, list), said(found)
    assert note in said(found)
    assert not any(part in said(found) for part in PARTS)


def test_twelve_signed_bits_are_read_whatever_the_upper_bits_are() -> None:
    """The upper four bits of a word may hold an old overlay; sign is bit 11."""
    values = np.arange(-2048, 2048, dtype=np.int16)[::-3].reshape(1, -1)
    values = np.repeat(values, 4, axis=0)
    file = dcmread(io.BytesIO(scan(pixels=values)))
    file.BitsStored, file.HighBit = 12, 11
    for above in (0, 0b0101, 0b1111):
        words = (values.astype(np.uint16) & 0x0FFF) | np.uint16(above << 12)
        file.PixelData = words.tobytes()
        stream = io.BytesIO()
        file.save_as(stream)
        np.testing.assert_array_equal(readers.read(stream.getvalue()).pixels, values)


_SEEDS = [
    scan(WindowCenter=[600, 100], WindowWidth=[900, 50], RescaleSlope=2, RescaleIntercept=-5, PixelSpacing=[1.0, 0.5]),
    scan(pixels=np.stack([PIXELS, PIXELS]), ImagePositionPatient=[0, 0, 1], ImageOrientationPatient=[1, 0, 0, 0, 1, 0]),
    scan(syntax=JPEG2000Lossless, pixels=np.zeros((64, 64), np.uint16)),
    scan(syntax=RLELossless),
    volume(5, 6, 7),
    gzip.compress(volume(5, 6, 7)),
    written(nib.Nifti2Image, np.zeros((5, 6, 7), np.float32)),
]


@pytest.mark.slow
@pytest.mark.attack("mutations")
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.sampled_from(_SEEDS),
    changes=st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 255)), min_size=1, max_size=10),
    cut=st.integers(0, 100),
)
@example(seed=_SEEDS[-1], changes=[(471, 96)], cut=0)  # an sform of 1e150 mm
def test_damaged_scans_give_a_valid_image_or_a_reason(seed: bytes, changes: list[tuple[int, int]], cut: int) -> None:
    tried()
    try:
        opened = readers.open_file(builders.damaged(seed, changes, cut))
        for index in range(min(opened.frames, 3)):
            image = opened.image(index)
            assert image.pixels.ndim == 2
            assert np.isfinite(image.pixels).all()
    except UnreadableImage as error:
        assert re.fullmatch(r"[a-z_]+", error.code)
        assert error.message.endswith(".")
        assert not any(part in said(error) for part in PARTS)
