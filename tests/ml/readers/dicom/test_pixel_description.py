"""Attributes that describe the pixels: what is absent or odd is named by its tag; what can be only one thing is set."""

import io
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from pydicom import dcmread
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian, RLELossless

from diagnosis.deid.dicom import clean
from ml import readers
from ml.contracts import UnreadableImage
from ml.readers import dicom
from tests import builders

PIXELS = np.arange(64 * 96, dtype=np.uint16).reshape(64, 96)
ODD = builders.phantom(65)
COLOR = np.full((20, 20, 3), 90, np.uint8)
CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def changed(pixels: np.ndarray = PIXELS, *, absent: str = "", vr: str = "", **values: Any) -> bytes:
    """A file from which an attribute is taken out, or in which some are replaced after it was made."""
    dataset = builders.dicom_dataset(pixels, SOPClassUID=CAPTURE if pixels.ndim == 3 else "1.2.840.10008.5.1.4.1.1.4")
    if absent:
        del dataset[absent]
    for name, value in values.items():
        setattr(dataset, name, value)
    if vr:
        dataset["PixelData"].VR = vr
    return builders.dicom_file(dataset)


def refusal(data: bytes) -> UnreadableImage:
    with pytest.raises(UnreadableImage) as caught:
        readers.read(data)
    return caught.value


@pytest.mark.parametrize(
    ("keyword", "code", "tag"),
    [
        ("SamplesPerPixel", "dicom_pixels", "Samples per Pixel (0028,0002)"),
        ("PhotometricInterpretation", "dicom_pixels", "Photometric Interpretation (0028,0004)"),
        ("Rows", "dicom_damaged", "Rows (0028,0010)"),
        ("Columns", "dicom_damaged", "Columns (0028,0011)"),
        ("BitsAllocated", "dicom_pixels", "Bits Allocated (0028,0100)"),
        ("BitsStored", "dicom_pixels", "Bits Stored (0028,0101)"),
        ("PixelRepresentation", "dicom_pixels", "Pixel Representation (0028,0103)"),
    ],
)
def test_an_absent_attribute_is_named(keyword: str, code: str, tag: str) -> None:
    error = refusal(changed(absent=keyword))
    assert error.code == code
    assert f"{tag} is absent" in error.message


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"SamplesPerPixel": 4}, "Samples per Pixel (0028,0002) is 4, and only 1 or 3 is read"),
        ({"BitsAllocated": 12}, "Bits Allocated (0028,0100) is 12"),
        ({"BitsStored": 17}, "Bits Stored (0028,0101) is 17"),
        ({"BitsStored": 0}, "Bits Stored (0028,0101) is 0"),
        ({"BitsStored": 12, "HighBit": 15}, "High Bit (0028,0102) is 15, where Bits Stored (0028,0101) of 12 needs 11"),
        ({"PixelRepresentation": 2}, "Pixel Representation (0028,0103) is 2"),
        (
            {"PhotometricInterpretation": "MONOCHROME3"},
            "Photometric Interpretation (0028,0004) is not one that is read",
        ),
        ({"PhotometricInterpretation": "RGB"}, "is RGB, but Samples per Pixel (0028,0002) is 1"),
        ({"SamplesPerPixel": 3}, "is MONOCHROME2, but Samples per Pixel (0028,0002) is 3"),
        (
            {"PhotometricInterpretation": "PALETTE COLOR"},
            "Red Palette Color Lookup Table Descriptor (0028,1101) is absent",
        ),
    ],
)
def test_an_odd_attribute_is_named(values: dict[str, Any], said: str) -> None:
    error = refusal(changed(**values))
    assert (error.code, said in error.message) == ("dicom_pixels", True), error.message


@pytest.mark.parametrize(
    ("absent", "values"), [("PlanarConfiguration", {}), ("", {"PlanarConfiguration": 7})], ids=["absent", "7"]
)
def test_a_planar_configuration_is_needed_for_colors(absent: str, values: dict[str, Any]) -> None:
    assert "Planar Configuration (0028,0006)" in refusal(changed(COLOR, absent=absent, **values)).message


def test_empty_pixel_data_is_no_image() -> None:
    error = refusal(changed(PixelData=b""))
    assert (error.code, "(7FE0,0010)" in error.message) == ("no_pixels", True)


@pytest.mark.parametrize(("absent", "values"), [("HighBit", {}), ("", {"HighBit": 11})], ids=["absent", "11 of 16"])
def test_a_high_bit_that_changes_nothing_is_set_and_noted(absent: str, values: dict[str, Any]) -> None:
    image = readers.read(changed(absent=absent, **values))
    np.testing.assert_array_equal(image.pixels, PIXELS)
    assert image.notes[0] == "High Bit (0028,0102) was taken as 15, as Bits Stored is 16."


@pytest.mark.parametrize("value", ["0", "", None])
def test_no_number_of_frames_is_one(value: str | None) -> None:
    np.testing.assert_array_equal(readers.read(changed(NumberOfFrames=value)).pixels, PIXELS)


def brain(largest: int) -> np.ndarray:
    """A slice without noise, as large as its brightest value is."""
    smooth = Pillow.fromarray(builders.phantom(192)).convert("F").resize((96, 96), Pillow.Resampling.BICUBIC)
    return np.clip(np.asarray(smooth) * (largest / 255), 0, largest).astype(np.uint16)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize(
    ("largest", "signed"), [(4500, False), (65_535, False), (3500, True), (4500, True), (32_000, True)]
)
def test_values_that_take_more_bits_than_claimed_do_not_wrap_around(largest: int, signed: bool, syntax: str) -> None:
    pixels = brain(largest).astype(np.int16 if signed else np.uint16)
    data = builders.dicom_bytes(pixels, syntax=syntax, BitsStored=12, HighBit=11)
    image = readers.read(data)
    np.testing.assert_array_equal(image.pixels, pixels)
    assert "Bits Stored (0028,0101) was taken as 16, as the values take more than 12 bits." in image.notes
    stored = clean(dicom.open_file(data, max_pixels=10**6).dataset, secret=b"secret").data
    np.testing.assert_array_equal(readers.read(stored).pixels, pixels)


def test_pixels_of_less_than_a_row_are_cut_off() -> None:
    few = changed(PIXELS[:2], Columns=512, PixelRepresentation=1, BitsStored=12, HighBit=11)
    assert refusal(few).code == "dicom_truncated"


@pytest.mark.parametrize("above", [0, 0xF000, 0x1000, 0x8000])
def test_what_lies_in_the_unused_bits_is_left_out(above: int) -> None:
    marked = brain(3500)
    marked[10:14, 20:60] |= above
    marked[30:33, 20:80:3] |= above
    all_over = brain(3500) | above
    for pixels in (marked, all_over):
        image = readers.read(builders.dicom_bytes(pixels, BitsStored=12, HighBit=11))
        np.testing.assert_array_equal(image.pixels, brain(3500))
        assert not any("Bits Stored" in note for note in image.notes)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("above", [0x1000, 0x8000, 0x9000])
def test_a_region_drawn_in_the_unused_bits_is_left_out(above: int, signed: bool) -> None:
    pixels = brain(1900)
    marked = pixels.copy()
    marked[20:70, 30:70] |= above
    words = marked.astype(np.int16) if signed else marked
    image = readers.read(builders.dicom_bytes(words, BitsStored=12, HighBit=11))
    np.testing.assert_array_equal(image.pixels, pixels)
    assert not any("Bits Stored" in note for note in image.notes)


@pytest.mark.parametrize("padding", [4096, 63_536, 65_535])
def test_padding_beyond_bits_stored_is_dark_if_it_is_named_and_else_as_claimed(padding: int) -> None:
    pixels = brain(1900)
    pixels[:, :20] = 0
    words = pixels.copy()
    words[:, :20] = padding
    named = builders.dicom_bytes(words, BitsStored=12, HighBit=11, PixelPaddingValue=padding)
    np.testing.assert_array_equal(readers.read(named).pixels, pixels)
    pixels[:, :20] = padding % 4096
    unnamed = builders.dicom_bytes(words, BitsStored=12, HighBit=11)
    np.testing.assert_array_equal(readers.read(unnamed).pixels, pixels)


def test_a_sign_may_go_on_through_the_unused_bits_or_end() -> None:
    below_zero = builders.phantom(128).astype(np.int16) * 11 - 1500
    for pixels in (brain(3500).astype(np.int16) - 1500, below_zero):
        for words in (pixels, pixels & 0xFFF):
            image = readers.read(builders.dicom_bytes(words, BitsStored=12, HighBit=11))
            np.testing.assert_array_equal(image.pixels, pixels)
            assert not any("Bits Stored" in note for note in image.notes)


def test_a_negative_number_of_frames_is_refused_by_its_tag() -> None:
    assert "Number of Frames (0028,0008)" in refusal(changed(NumberOfFrames="-1")).message


@pytest.mark.parametrize("value", ["0", None])
def test_frames_that_the_file_does_not_count_are_not_lost(value: str | None) -> None:
    frames = np.stack([PIXELS, PIXELS[::-1], PIXELS + 7])
    found = readers.open_file(changed(frames, SOPClassUID="1.2.840.10008.5.1.4.1.1.4", NumberOfFrames=value))
    assert found.frames == 3
    np.testing.assert_array_equal(found.image(2).pixels, PIXELS + 7)
    assert "the pixel data holds 3 frames" in " ".join(found.image(0).notes)


def test_compressed_frames_that_the_file_does_not_count_are_not_lost() -> None:
    file = dcmread(io.BytesIO(builders.dicom_bytes(PIXELS, syntax=RLELossless)))
    frame = get_frame(file.PixelData, 0)
    file.PixelData = encapsulate([frame, frame], has_bot=True)
    written = io.BytesIO()
    file.save_as(written)
    found = readers.open_file(written.getvalue())
    assert found.frames == 2
    np.testing.assert_array_equal(found.image(1).pixels, PIXELS)


def test_more_pixel_data_than_described_is_noted() -> None:
    image = readers.read(changed(PixelData=PIXELS.tobytes() * 2, NumberOfFrames="1"))
    assert "Pixel Data (7FE0,0010) is longer than what the file describes; the rest was left out." in image.notes
    assert "longer" not in " ".join(readers.read(changed(ODD)).notes)  # padded to an even length


@pytest.mark.parametrize(("pixels", "vr"), [(ODD, "OW"), (ODD, "OB"), (PIXELS, "OB")])
def test_the_vr_of_pixel_data_changes_nothing(pixels: np.ndarray, vr: str) -> None:
    np.testing.assert_array_equal(readers.read(changed(pixels, vr=vr)).pixels, pixels)


@pytest.mark.parametrize("vr", ["OB", "OW"])
def test_eight_bits_in_big_endian(vr: str) -> None:
    """As OW, two pixels are a word, whose bytes are swapped (PS3.5, 8.1.2 and annex D)."""
    dataset = builders.dicom_dataset(ODD)
    stored = np.frombuffer(dataset.PixelData, "<u2")
    dataset.PixelData = stored.byteswap().tobytes() if vr == "OW" else stored.tobytes()
    dataset["PixelData"].VR = vr
    file = dcmread(io.BytesIO(builders.dicom_file(builders.dicom_dataset(ODD), syntax=ExplicitVRBigEndian)))
    file["PixelData"] = dataset["PixelData"]
    written = io.BytesIO()
    file.save_as(written)
    np.testing.assert_array_equal(readers.read(written.getvalue()).pixels, ODD)


def test_odd_lengths_and_bytes_after_the_end() -> None:
    data = changed(ODD)
    at = data.index(b"\xe0\x7f\x10\x00") + 8
    odd = data[:at] + struct.pack("<I", ODD.size) + data[at + 4 : at + 4 + ODD.size]
    padded = data + b"\xfc\xff\xfc\xffOB\0\0" + struct.pack("<I", 300) + bytes(300)  # Data Set Trailing Padding
    for file in (odd, padded, data + bytes(1000), data + b"trailer"):
        np.testing.assert_array_equal(readers.read(file).pixels, ODD)
