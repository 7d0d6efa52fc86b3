"""DICOM data sets without preamble, prefix or file meta information are read like the same files with them."""

import io
import random
import struct
import zlib

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from diagnosis.deid import dicom as deid
from ml import readers
from ml.contracts import UnreadableImage
from ml.readers import bare_dicom, dicom, sniffing
from tests import builders

PIXELS = np.arange(64 * 96, dtype=np.uint16).reshape(64, 96)
SYNTAXES = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]


def whole(syntax: str = ExplicitVRLittleEndian) -> bytes:
    return builders.dicom_bytes(PIXELS, syntax=syntax, ImageType=["ORIGINAL", "PRIMARY"])


def without_meta(data: bytes) -> bytes:
    return data[bare_dicom.end_of_meta(data, bare_dicom.META) :]


def without_group_length(data: bytes) -> bytes:
    assert data[132:140] == b"\x02\0\0\0UL\x04\0"
    return data[:132] + data[144:]


def check(data: bytes) -> None:
    """Read, and still read after de-identification."""
    assert sniffing.sniff(data) == sniffing.DICOM
    assert sniffing.may_hold_many(data[:512])
    opened = dicom.open_file(data, max_pixels=10**6)
    np.testing.assert_array_equal(opened.image(0).pixels, PIXELS)
    cleaned = deid.clean(opened.dataset, secret=b"secret")
    np.testing.assert_array_equal(readers.read(cleaned.data).pixels, PIXELS)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_data_set_without_meta_information(syntax: str) -> None:
    check(without_meta(whole(syntax)))


@pytest.mark.parametrize("syntax", [*SYNTAXES, RLELossless, DeflatedExplicitVRLittleEndian])
def test_other_incomplete_beginnings(syntax: str) -> None:
    data = whole(syntax)
    check(data[132:])
    check(data[128:])
    check(without_group_length(data))
    check(without_group_length(data)[132:])


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_preamble_without_a_prefix(syntax: str) -> None:
    check(bytes(128) + without_meta(whole(syntax)))
    check(bytes(128) + whole(syntax)[132:])


def test_a_wrong_group_length_is_ignored() -> None:
    data = whole(DeflatedExplicitVRLittleEndian)
    check(data[:140] + struct.pack("<I", 6) + data[144:])


def test_a_deflated_data_set_without_its_last_block() -> None:
    """A writer that only flushed its compressor left out the end, but no data; one that was cut off left out data."""
    data = whole(DeflatedExplicitVRLittleEndian)
    end = bare_dicom.end_of_meta(data, bare_dicom.META)
    packer = zlib.compressobj(wbits=-15)
    flushed = packer.compress(zlib.decompress(data[end:], -15)) + packer.flush(zlib.Z_SYNC_FLUSH)
    check(data[:end] + flushed)
    check(data + b"\0")  # padded to an even length
    for cut in range(10, len(flushed) - end, 97):
        with pytest.raises(UnreadableImage) as caught:
            readers.read(data[:end] + flushed[:-cut])
        assert caught.value.code == "dicom_truncated"


def test_compressed_pixels_without_a_transfer_syntax_are_refused_by_its_tag() -> None:
    with pytest.raises(UnreadableImage) as caught:
        readers.read(without_meta(whole(RLELossless)))
    assert (caught.value.code, "(0002,0010)" in caught.value.message) == ("transfer_syntax", True)


def test_meta_information_without_a_transfer_syntax() -> None:
    file = dcmread(io.BytesIO(whole()))
    del file.file_meta.TransferSyntaxUID
    written = io.BytesIO()
    file.save_as(written, implicit_vr=True, little_endian=True)
    check(written.getvalue())


@pytest.mark.parametrize("claimed", SYNTAXES)
@pytest.mark.parametrize("real", SYNTAXES)
def test_a_file_is_read_as_it_is_encoded_whatever_it_claims(claimed: str, real: str) -> None:
    data = whole(claimed)
    check(data[: bare_dicom.end_of_meta(data, bare_dicom.META)] + without_meta(whole(real)))


def test_other_bytes_are_no_data_set() -> None:
    rng = random.Random(0)
    for _ in range(500):
        tail = rng.randbytes(600)
        for head in (b"", b"\x08\0", b"\x08\0\x05\0", b"\0\x08\0\x05", b"\x02\0\0\0", bytes(128)):
            assert bare_dicom.start(head + tail) is None
    assert bare_dicom.start(bytes(1000)) is None
    assert bare_dicom.start(b"") is None
