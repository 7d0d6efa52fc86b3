"""Compressed frames: no stream makes a decoder take memory or end the process, and no decoder is left to chance."""

import io
import random
import struct
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import (
    UID,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from ml.contracts import Image, UnreadableImage
from ml.readers import dicom
from ml.readers.dicom import decoder_process
from tests import builders
from tests.formats import FILES
from tests.processes import only_linux, started_with

PIXELS = np.random.default_rng(0).integers(0, 4000, (48, 64)).astype(np.uint16)
LOSSLESS_JPEG = (FILES / "test_files" / "SC_rgb_jpeg_gdcm.dcm").read_bytes()
PLAIN = (FILES / "test_files" / "SC_rgb_gdcm_KY.dcm").read_bytes()


def jpeg_file(stream: bytes, pixels: np.ndarray) -> bytes:
    """A file whose one frame is a JPEG."""
    file = dcmread(io.BytesIO(builders.dicom_bytes(pixels.astype(np.uint8))))
    file.PixelData = encapsulate([stream])
    file["PixelData"].is_undefined_length = True
    file.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    written = io.BytesIO()
    file.save_as(written)
    return written.getvalue()


def read(data: bytes) -> Image:
    return dicom.open_file(data, max_pixels=25_000_000).image(0)


def refusal(data: bytes) -> str:
    with pytest.raises(UnreadableImage) as caught:
        read(data)
    return caught.value.code


def claiming(kind: str, side: int) -> bytes:
    """A file whose stream says that it is so wide and high; Rows and Columns say 48 and 64."""
    if kind == "JPEG":
        stream = bytearray(builders.jpeg_bytes(PIXELS.astype(np.uint8)))
        at = stream.index(b"\xff\xc0")
        stream[at + 5 : at + 9] = struct.pack(">HH", side, side)
        return jpeg_file(bytes(stream), PIXELS)
    data = bytearray(builders.dicom_bytes(PIXELS, syntax=JPEGLSLossless if kind == "JPEG-LS" else JPEG2000Lossless))
    if kind == "JPEG-LS":
        at = data.index(b"\xff\xf7")
        data[at + 5 : at + 9] = struct.pack(">HH", side, side)
    else:
        at = data.index(b"\xff\x4f\xff\x51")
        data[at + 8 : at + 16] = data[at + 24 : at + 32] = struct.pack(">II", side, side)
    return bytes(data)


@pytest.mark.parametrize("kind", ["JPEG", "JPEG-LS", "JPEG 2000"])
@pytest.mark.parametrize("side", [0, 63, 20_000, 60_000])
def test_a_stream_of_another_size_is_not_decoded(kind: str, side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 60,000, pyjpegls was seen to end the process, and with 20,000 to take two gigabytes."""

    def never(*args: object, **options: object) -> None:
        raise AssertionError("decoded")

    data = claiming(kind, side)
    monkeypatch.setattr("ml.readers.dicom.streams.pixel_array", never)
    assert refusal(data) == "dicom_pixels"


def test_a_jpeg_ls_size_outside_its_frame_header_is_refused() -> None:
    data = builders.dicom_bytes(PIXELS, syntax=JPEGLSLossless)
    dataset = dcmread(io.BytesIO(data))
    stream = get_frame(dataset.PixelData, 0)
    oversize = stream[:2] + b"\xff\xf8" + struct.pack(">HBBHH", 8, 4, 2, 60_000, 60_000) + stream[2:]
    dataset.PixelData = encapsulate([oversize])
    written = io.BytesIO()
    dataset.save_as(written)
    np.testing.assert_array_equal(read(data).pixels, PIXELS)
    assert refusal(written.getvalue()) == "dicom_pixels"


def with_stream(data: bytes, change: Callable[[bytes], bytes], *, syntax: str | None = None) -> bytes:
    """The file with its one frame's stream changed, and perhaps another claim of how it is compressed."""
    file = dcmread(io.BytesIO(data))
    stream = get_frame(file.PixelData, 0)
    file.PixelData = encapsulate([change(stream[: stream.rindex(b"\xff\xd9") + 2])])
    file.file_meta.TransferSyntaxUID = UID(syntax or file.file_meta.TransferSyntaxUID)
    written = io.BytesIO()
    file.save_as(written)
    return written.getvalue()


@pytest.mark.parametrize("fill", [b"\0", b"\0\0", b"\xff"])
def test_a_jpeg_ls_scan_that_is_padded_before_its_end_marker_is_read(fill: bytes) -> None:
    data = builders.dicom_bytes(PIXELS, syntax=JPEGLSLossless)
    np.testing.assert_array_equal(
        read(with_stream(data, lambda stream: stream[:-2] + fill + stream[-2:])).pixels, PIXELS
    )


def test_a_jpeg_ls_stream_without_its_end_marker_is_read_if_nothing_else_is_missing() -> None:
    data = builders.dicom_bytes(PIXELS, syntax=JPEGLSLossless)
    np.testing.assert_array_equal(read(with_stream(data, lambda stream: stream[:-2])).pixels, PIXELS)


@pytest.mark.parametrize("end", [b"", b"\xff\xd9"])
@pytest.mark.parametrize("cut", [3, 5, 1000])
@pytest.mark.slow
def test_a_jpeg_ls_stream_that_is_cut_off_is_refused(cut: int, end: bytes) -> None:
    data = builders.dicom_bytes(PIXELS, syntax=JPEGLSLossless)
    assert refusal(with_stream(data, lambda stream: stream[: -2 - cut] + end)) == "dicom_pixels"


def test_a_jpeg_without_its_end_marker_is_read_if_no_pixel_is_missing() -> None:
    def without_last(count: int) -> Callable[[bytes], bytes]:
        return lambda stream: stream[:-count]

    phantom = builders.phantom(64)
    data = jpeg_file(builders.jpeg_bytes(phantom), phantom)
    np.testing.assert_array_equal(read(with_stream(data, lambda stream: stream[:-2])).pixels, read(data).pixels)
    for cut in (40, 400):
        assert refusal(with_stream(data, without_last(cut))) == "dicom_truncated"


def test_a_lossy_jpeg_of_twelve_bits_is_named() -> None:
    def twelve(stream: bytes) -> bytes:
        at = stream.index(b"\xff\xc0")
        return stream[: at + 1] + b"\xc1" + stream[at + 2 : at + 4] + b"\x0c" + stream[at + 5 :]

    phantom = builders.phantom(64)
    with pytest.raises(UnreadableImage) as caught:
        read(with_stream(jpeg_file(builders.jpeg_bytes(phantom), phantom), twelve, syntax=JPEGExtended12Bit))
    assert caught.value.code == "transfer_syntax"
    assert "12 bits with loss" in caught.value.message


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEGLosslessSV1])
def test_a_stream_that_is_not_what_the_file_claims_is_named(syntax: str) -> None:
    data = with_stream(builders.dicom_bytes(PIXELS, syntax=JPEGLSLossless), lambda stream: stream, syntax=syntax)
    with pytest.raises(UnreadableImage) as caught:
        read(data)
    assert (caught.value.code, "not compressed as" in caught.value.message) == ("transfer_syntax", True)


def test_a_jpeg_with_segments_before_its_frame_is_read() -> None:
    stream = builders.jpeg_bytes(builders.phantom(64), comment="x" * 300, quality=95)
    image = read(jpeg_file(stream, builders.phantom(64)))
    assert np.abs(image.pixels - builders.phantom(64)).mean() < 4


@pytest.fixture
def child() -> Iterator[None]:
    decoder_process.end()
    yield
    decoder_process.end()


def test_lossless_jpeg_is_decoded_in_a_child_process(child: None) -> None:
    """The same image as the file that holds it as JPEG 2000."""
    assert dcmread(io.BytesIO(LOSSLESS_JPEG)).file_meta.TransferSyntaxUID == JPEGLosslessSV1
    image = read(LOSSLESS_JPEG)
    assert image.pixels.shape == (100, 100)
    assert np.abs(image.pixels.astype(int) - read(PLAIN).pixels).max() <= 2
    started = decoder_process._child
    assert started is not None
    read(LOSSLESS_JPEG)
    assert decoder_process._child is started


@only_linux
def test_the_child_gets_no_secret(child: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METRICS_TOKEN", "secret")
    read(LOSSLESS_JPEG)
    assert decoder_process._child is not None
    given = started_with(decoder_process._child._process.pid)
    assert given["PATH"] and not {"SECRET_KEY", "METRICS_TOKEN"} & set(given)


def test_after_a_crash_the_next_frame_is_decoded(child: None) -> None:
    expected = read(LOSSLESS_JPEG).pixels
    assert decoder_process._child is not None
    decoder_process._child._process.kill()
    decoder_process._child._process.wait()
    assert refusal(LOSSLESS_JPEG) == "dicom_pixels"
    np.testing.assert_array_equal(read(LOSSLESS_JPEG).pixels, expected)


def test_a_decoder_that_takes_too_long_is_ended(child: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder_process, "SECONDS", 0.0)
    assert refusal(LOSSLESS_JPEG) == "dicom_pixels"
    assert decoder_process._child is None


def test_nothing_about_the_patient_is_passed_to_the_child() -> None:
    assert not [keyword for keyword in decoder_process.DESCRIPTION if "Patient" in keyword or "Date" in keyword]


def damaged(seed: bytes, number: int) -> bytes:
    rng, data = random.Random(number), bytearray(seed)
    at = data.index(b"\xe0\x7f\x10\x00") + 8
    for _ in range(rng.randint(1, 6)):
        data[rng.randrange(at, min(len(data), at + 300))] = rng.choice((0, 255, rng.randrange(256)))
    return bytes(data)


@pytest.mark.parametrize(
    ("seed", "count"),
    [
        (builders.dicom_bytes(PIXELS, syntax=JPEG2000Lossless), 150),
        (builders.dicom_bytes(PIXELS, syntax=JPEGLSLossless), 150),
        (builders.dicom_bytes(PIXELS, syntax=RLELossless), 150),
        (jpeg_file(builders.jpeg_bytes(builders.phantom(64)), builders.phantom(64)), 150),
        (LOSSLESS_JPEG, 6),
    ],
    ids=["JPEG 2000", "JPEG-LS", "RLE", "JPEG", "lossless JPEG"],
)
def test_damaged_streams_are_read_or_refused(seed: bytes, count: int) -> None:
    codes = set()
    for number in range(count):
        try:
            assert np.isfinite(read(damaged(seed, number)).pixels).all()
        except UnreadableImage as error:
            codes.add(error.code)
    assert codes <= {"dicom_pixels", "dicom_truncated", "no_pixels", "dicom_damaged", "transfer_syntax"}
    assert codes
