"""Damaged files of every format, through the process that decodes uploads: accepted, or rejected with a known code.

The damage is drawn from a seed, so that a file that gets through can be made again: bits and bytes changed, parts cut
out, doubled and filled, lengths and sizes that lie, two files run together. `make reliability` runs this file, too long
for `make test`.
"""

import gzip
import random
import struct
from collections.abc import Callable, Iterator
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pydicom.uid import JPEG2000Lossless, RLELossless

from diagnosis.intake import unpacking
from diagnosis.intake.decoder_pool import DecoderPool
from ml.contracts import UnreadableImage
from tests import builders
from tests.test_docs_formats import raised_codes
from tests.verification.security import tried

PER_FORMAT = 64
IMAGE = builders.phantom(48)
DEEP = IMAGE.astype(np.uint16) * 16
VOXELS = np.stack([DEEP.astype(np.int16)] * 3)


def _written(kind: Any, voxels: np.ndarray) -> bytes:
    """What nibabel writes; its classes have no types."""
    return bytes(kind(voxels, np.eye(4)).to_bytes())


FORMATS: dict[str, bytes] = {
    "PNG": builders.png_bytes(IMAGE),
    "PNG of 16 bits": builders.png_bytes(DEEP),
    "JPEG": builders.exif_jpeg(IMAGE, 6),
    "progressive JPEG": builders.jpeg_bytes(IMAGE, progressive=True),
    "GIF": builders.encode(IMAGE, "GIF"),
    "TIFF": builders.encode(IMAGE, "TIFF", compression="tiff_lzw"),
    "WebP": builders.encode(IMAGE, "WEBP"),
    "BMP": builders.encode(IMAGE, "BMP"),
    "DICOM": builders.dicom_bytes(DEEP, WindowCenter=600, WindowWidth=900, PixelSpacing=[1.0, 0.5]),
    "DICOM of frames": builders.dicom_bytes(np.stack([DEEP, DEEP]), ImagePositionPatient=[0, 0, 1]),
    "DICOM, RLE": builders.dicom_bytes(DEEP, syntax=RLELossless),
    "DICOM, JPEG 2000": builders.dicom_bytes(DEEP, syntax=JPEG2000Lossless),
    "NIfTI": _written(nib.Nifti1Image, VOXELS),
    "NIfTI-2, gzipped": gzip.compress(_written(nib.Nifti2Image, VOXELS)),
    "MGH": _written(nib.MGHImage, VOXELS.astype(np.float32)),
    "NRRD": b"NRRD0004\ntype: short\nencoding: raw\nendian: little\ndimension: 3\nsizes: 48 48 3\n\n"
    + VOXELS.tobytes(),
    "zip": builders.zipped({"a.png": builders.png_bytes(IMAGE), "b.dcm": builders.dicom_bytes(DEEP)}),
}

NEVER = {"takes_too_long", "takes_too_much", "decoder_ended"}
"""Known codes, too, but no file as small as these may keep a decoder busy, fill its memory or end it."""

Mutation = Callable[[random.Random, bytearray], None]


def place(rng: random.Random, data: bytearray) -> int:
    """Anywhere, and half of the time among the first bytes, where the headers are."""
    return rng.randrange(min(len(data), rng.choice([400, len(data)])))


def flip_bits(rng: random.Random, data: bytearray) -> None:
    for _ in range(rng.randint(1, 30)):
        data[place(rng, data)] ^= 1 << rng.randrange(8)


def change_bytes(rng: random.Random, data: bytearray) -> None:
    for _ in range(rng.randint(1, 10)):
        data[place(rng, data)] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])


def cut_end(rng: random.Random, data: bytearray) -> None:
    del data[rng.randint(1, len(data)) :]


def cut_out(rng: random.Random, data: bytearray) -> None:
    at = place(rng, data)
    del data[at : at + rng.randint(1, 600)]


def double(rng: random.Random, data: bytearray) -> None:
    at = place(rng, data)
    data[at:at] = data[at : at + rng.randint(1, 600)] * rng.randint(1, 4)


def fill(rng: random.Random, data: bytearray) -> None:
    at = place(rng, data)
    length = len(data[at : at + rng.randint(1, 300)])
    data[at : at + length] = bytes([rng.choice([0, 0xFF])]) * length


def wrong_number(rng: random.Random, data: bytearray) -> None:
    """Positions that may hold a length, a count or an offset."""
    form, largest = rng.choice([("H", 0xFFFF), ("I", 0xFFFFFFFF), ("Q", 2**64 - 1)])
    value = rng.choice([0, 1, largest, largest // 2, largest // 2 + 1, len(data), rng.randint(0, largest)])
    packed = struct.pack(rng.choice("<>") + form, value)
    at = place(rng, data)
    data[at : at + len(packed)] = packed


def run_together(rng: random.Random, data: bytearray) -> None:
    other = FORMATS[rng.choice(sorted(FORMATS))]
    data[rng.randint(1, len(data)) :] = other[rng.randrange(len(other)) :]


MUTATIONS: list[Mutation] = [
    flip_bits,
    change_bytes,
    cut_end,
    cut_out,
    double,
    fill,
    wrong_number,
    run_together,
]


@pytest.fixture(scope="module")
def pool() -> Iterator[DecoderPool]:
    found = DecoderPool(1, seconds=10, megabytes=2000)
    yield found
    found.end()


def upload(pool: DecoderPool, data: bytes) -> Iterator[str]:
    """Outcome of each file: "accepted", or the code of its rejection."""
    try:
        for file in unpacking.unpack(SimpleUploadedFile("scan", data)):
            content = file.read()
            yield content.code if isinstance(content, UnreadableImage) else decoded(pool, content)
    except UnreadableImage as error:
        yield error.code


def decoded(pool: DecoderPool, data: bytes) -> str:
    try:
        pool.decode(data, name="scan")
    except UnreadableImage as error:
        return error.code
    return "accepted"


@pytest.mark.attack("mutations")
@pytest.mark.parametrize("kind", FORMATS)
def test_a_mutated_file_is_accepted_or_rejected_with_a_known_code(pool: DecoderPool, kind: str) -> None:
    assert set(upload(pool, FORMATS[kind])) == {"accepted"}
    known = (raised_codes() | {"accepted"}) - NEVER
    wrong: list[tuple[int, str, str]] = []
    for seed in range(PER_FORMAT):
        rng = random.Random(f"{kind} {seed}")
        data, mutate = bytearray(FORMATS[kind]), MUTATIONS[seed % len(MUTATIONS)]
        mutate(rng, data)
        tried()
        try:
            found = set(upload(pool, bytes(data)))
        except Exception as error:
            found = {repr(error)[-300:]}
        wrong += [(seed, mutate.__name__, what) for what in found - known]
    assert wrong == []
