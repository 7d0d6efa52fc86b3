"""DICOM files: which are analyzed, how gray values and positions are read, and how hostile files are refused."""

import struct
import zlib
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    EnhancedMRImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from ml.contracts import Image, UnreadableImage
from ml.readers import dicom, sniff
from ml.readers.dicom import geometry, header
from tests import builders

LIMIT = 25_000_000


def ramp() -> np.ndarray:
    return np.arange(-600, 600, dtype=np.int16).reshape(30, 40)


def opened(data: bytes) -> dicom.Opened:
    return dicom.open_file(data, max_pixels=LIMIT)


def read(data: bytes, index: int = 0, **options: Any) -> Image:
    return opened(data).image(index, **options)


def refusal(data: bytes) -> UnreadableImage:
    with pytest.raises(UnreadableImage) as caught:
        found = opened(data)
        for index in range(found.frames):
            found.image(index)
    return caught.value


@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
        RLELossless,
        JPEG2000Lossless,
        JPEGLSLossless,
    ],
)
def test_every_transfer_syntax_gives_the_same_image(syntax: str) -> None:
    pixels = np.arange(64 * 96, dtype=np.uint16).reshape(64, 96)
    plain = read(builders.dicom_bytes(pixels))
    coded = read(builders.dicom_bytes(pixels, syntax=syntax))
    np.testing.assert_array_equal(plain.pixels, coded.pixels)
    assert (coded.format, coded.width, coded.height) == ("DICOM", 96, 64)


def test_gray_values_go_through_rescale_and_window() -> None:
    """Rescale, then the linear window of PS3.3 C.11.2.1.2: black below, white above, and half in the middle."""
    image = read(
        builders.dicom_bytes(
            ramp(), RescaleSlope=2, RescaleIntercept=100, WindowCenter=[100.5, 0], WindowWidth=[201, 9]
        )
    )
    values = ramp().astype(float) * 2 + 100
    np.testing.assert_allclose(image.pixels, np.clip((values - 100) / 200 + 0.5, 0, 1), atol=1e-6)
    assert image.notes[-1] == "Gray values: rescale, window 1 of 2."
    second = read(builders.dicom_bytes(ramp(), WindowCenter=[100, 0], WindowWidth=[201, 9]), window=1)
    assert second.notes[-1] == "Gray values: stored values, window 2 of 2."


@pytest.mark.parametrize(
    ("tags", "route"),
    [
        ({}, "stored values, full range; the file has no window"),
        ({"WindowCenter": 9000, "WindowWidth": 2}, "stored values, full range; the window in the file shows nothing"),
        ({"WindowCenter": 0, "WindowWidth": 0}, "stored values, full range; the window in the file is unusable"),
        ({"WindowCenter": [1, 2], "WindowWidth": 5}, "stored values, full range; the file has no window"),
    ],
)
def test_an_unusable_window_is_replaced_and_the_route_says_so(tags: dict[str, Any], route: str) -> None:
    image = read(builders.dicom_bytes(ramp(), **tags))
    np.testing.assert_array_equal(image.pixels, ramp())
    assert image.notes[-1] == f"Gray values: {route}."


def test_inverted_gray_is_inverted_back() -> None:
    image = read(builders.dicom_bytes(ramp(), PhotometricInterpretation="MONOCHROME1"))
    np.testing.assert_array_equal(image.pixels, -ramp() - 1)
    assert "MONOCHROME1 inverted" in image.notes[-1]


def test_padding_gets_the_darkest_value() -> None:
    pixels = ramp()
    pixels[0] = -2000
    image = read(builders.dicom_bytes(pixels, PixelPaddingValue=-2000))
    assert image.pixels.min() == pixels[1:].min()


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize(
    ("vr", "value"), [("SS", -2000), ("US", 2**16 - 2000)], ids=["as the standard says", "as unsigned"]
)
def test_padding_of_signed_pixels_is_signed_whatever_its_vr(vr: str, value: int, syntax: str) -> None:
    pixels = ramp()
    pixels[0] = -2000
    dataset = builders.dicom_dataset(pixels)
    dataset.add_new("PixelPaddingValue", vr, value)
    assert read(builders.dicom_file(dataset, syntax=syntax)).pixels.min() == pixels[1:].min()


def test_padding_of_unsigned_pixels_is_unsigned_whatever_its_vr() -> None:
    pixels = (ramp() + 600).astype(np.uint16)
    pixels[0] = 2**16 - 2000
    dataset = builders.dicom_dataset(pixels)
    dataset.add_new("PixelPaddingValue", "SS", -2000)
    assert read(builders.dicom_file(dataset)).pixels.max() == 1199


def test_a_range_of_padding_values() -> None:
    pixels = ramp()
    pixels[0, :20], pixels[0, 20:] = -2000, -1990
    dataset = builders.dicom_dataset(pixels)
    dataset.add_new("PixelPaddingValue", "US", 2**16 - 2000)
    dataset.add_new("PixelPaddingRangeLimit", "US", 2**16 - 1980)
    assert read(builders.dicom_file(dataset)).pixels.min() == pixels[1:].min()


def test_padding_is_dark_in_an_inverted_image_too() -> None:
    pixels = ramp()
    pixels[0] = -2000
    image = read(builders.dicom_bytes(pixels, PixelPaddingValue=-2000, PhotometricInterpretation="MONOCHROME1"))
    assert image.pixels[0].max() == image.pixels[1:].min()


def test_outliers_do_not_take_the_range_of_an_image_without_a_window() -> None:
    pixels = builders.phantom(64).astype(np.int16)
    pixels[30, 30] = 32_000
    image = read(builders.dicom_bytes(pixels))
    assert image.pixels.max() < 256
    assert "outliers" in image.notes[-1]
    windowed = read(builders.dicom_bytes(pixels, WindowCenter=128, WindowWidth=256))
    assert "outliers" not in windowed.notes[-1]


def test_pixels_are_resampled_to_squares() -> None:
    image = read(builders.dicom_bytes(ramp(), PixelSpacing=[2.0, 1.0]))
    assert image.pixels.shape == (60, 40)
    assert (image.width, image.height) == (40, 30)
    assert "Resampled to square pixels" in image.notes[-1]
    unlikely = read(builders.dicom_bytes(ramp(), PixelSpacing=[20.0, 1.0]))
    assert unlikely.pixels.shape == (30, 40)
    assert "unlikely" in unlikely.notes[-1]


def test_colors_become_gray_and_are_measured() -> None:
    rgb = np.zeros((20, 20, 3), np.uint8)
    rgb[..., 0] = 200
    image = read(builders.dicom_bytes(rgb, SOPClassUID="1.2.840.10008.5.1.4.1.1.7"))
    assert image.colored
    assert image.pixels.shape == (20, 20)


def test_each_frame_of_an_enhanced_object_has_its_own_window_and_position() -> None:
    frames = np.stack([ramp(), ramp() + 50, ramp() + 90])
    dataset = builders.dicom_dataset(frames, SOPClassUID=EnhancedMRImageStorage)
    shared, per_frame = Dataset(), []
    orientation = Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PlaneOrientationSequence = [orientation]
    for number in range(3):
        group, voi, position = Dataset(), Dataset(), Dataset()
        voi.WindowCenter, voi.WindowWidth = 100 * number, 400
        position.ImagePositionPatient = [0, 0, 30 - 10 * number]
        group.FrameVOILUTSequence, group.PlanePositionSequence = [voi], [position]
        per_frame.append(group)
    dataset.SharedFunctionalGroupsSequence, dataset.PerFrameFunctionalGroupsSequence = [shared], per_frame
    found = opened(builders.dicom_file(dataset))
    assert found.frames == 3
    positions = [position for position in found.positions if position is not None]
    assert [position.offset for position in positions] == [30, 20, 10]
    assert positions[0].orientation_letters == ("R", "L", "A", "P")
    expected = np.clip((ramp() + 50 - 99.5) / 399 + 0.5, 0, 1)
    np.testing.assert_allclose(found.image(1).pixels, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("tags", "code", "said"),
    [
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}, "not_mr", "CT Image Storage"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.66.4"}, "not_mr", "Segmentation"),
        ({"SOPClassUID": "1.2.3.4"}, "not_mr", "an unknown SOP class"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7", "Modality": "US"}, "not_mr", "US"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7", "Modality": "DOE^JANE"}, "not_mr", "another one"),
        ({"Modality": "CT"}, "not_mr", "CT"),
        ({"Modality": "PT"}, "not_mr", "(0008,0060)"),
        ({"RescaleIntercept": -1024, "RescaleSlope": 1, "RescaleType": "HU"}, "not_mr", "(0028,1054)"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7", "RescaleType": "hu"}, "not_mr", "Hounsfield"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "localizer", "(0008,0008)"),
        ({"ImageType": ["DERIVED", "SECONDARY", "PROJECTION IMAGE", "MIP"]}, "derived", "PROJECTION IMAGE"),
        ({"BodyPartExamined": "KNEE"}, "not_brain", "KNEE"),
        ({"BodyPartExamined": "SACROILIAC"}, "not_brain", "(0018,0015)"),
    ],
)
def test_objects_that_are_not_acquired_brain_mr_are_set_aside(tags: dict[str, Any], code: str, said: str) -> None:
    error = refusal(builders.dicom_bytes(ramp(), **tags))
    assert error.code == code
    assert said in error.message
    assert "DOE" not in error.message


def test_hounsfield_units_in_the_functional_groups_set_a_file_aside() -> None:
    values = Dataset()
    values.RescaleIntercept, values.RescaleSlope, values.RescaleType = -1024, 1, "HU"
    group = Dataset()
    group.PixelValueTransformationSequence = [values]
    error = refusal(builders.dicom_bytes(ramp(), SharedFunctionalGroupsSequence=[group]))
    assert (error.code, "Hounsfield" in error.message) == ("not_mr", True)


@pytest.mark.parametrize(
    "tags", [{"Modality": "OT"}, {"Modality": ""}, {"RescaleType": "US"}, {"RescaleIntercept": -1024}]
)
def test_an_mr_image_that_does_not_claim_to_be_another_is_read(tags: dict[str, Any]) -> None:
    assert read(builders.dicom_bytes(ramp(), **tags)).pixels.shape == (30, 40)


@pytest.mark.parametrize("part", ["BRAIN", "HEAD", "", "unknown", "Head and Neck", "DOE JANE"])
def test_a_head_or_an_unknown_part_is_read(part: str) -> None:
    assert read(builders.dicom_bytes(ramp(), BodyPartExamined=part)).pixels.shape == (30, 40)


def test_a_file_without_preamble_is_read() -> None:
    data = builders.dicom_bytes(ramp())
    assert sniff(data) == sniff(data[132:]) == "DICOM"
    np.testing.assert_array_equal(read(data[132:]).pixels, ramp())


def test_a_file_truncated_anywhere_is_refused_with_a_reason() -> None:
    data = builders.dicom_bytes(ramp(), PatientName="DOE^JANE")
    for length in range(140, len(data) - 2, 37):
        error = refusal(data[:length])
        assert error.code in ("dicom_damaged", "dicom_truncated", "no_pixels", "not_mr")
        assert "DOE" not in error.message


@pytest.mark.parametrize(
    ("tags", "code", "said"),
    [
        ({"Rows": 30_000, "Columns": 20_000}, "too_many_pixels", "(0028,0010)"),
        ({"NumberOfFrames": 10_000}, "too_many_frames", "(0028,0008)"),
        ({"NumberOfFrames": 7}, "dicom_truncated", "(7FE0,0010)"),
        ({"Rows": 0}, "dicom_damaged", "Rows"),
    ],
)
def test_claims_are_checked_before_memory_is_taken(tags: dict[str, Any], code: str, said: str) -> None:
    dataset = builders.dicom_dataset(ramp())
    for name, value in tags.items():
        setattr(dataset, name, value)
    error = refusal(builders.dicom_file(dataset))
    assert error.code == code
    assert said in error.message


def test_a_deflate_bomb_is_not_inflated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(header, "MAX_INFLATED", 1_000_000)
    data = builders.dicom_bytes(ramp(), syntax=DeflatedExplicitVRLittleEndian)
    assert read(data).pixels.shape == (30, 40)
    length = struct.unpack("<I", data[140:144])[0]
    packer = zlib.compressobj(wbits=-15)
    bomb = data[: 144 + length] + packer.compress(b"\0" * 3_000_000) + packer.flush()
    assert refusal(bomb).code == "dicom_too_large"
    assert refusal(data[:-20]).code == "dicom_truncated"


def test_a_deflated_file_may_not_grow_a_hundredfold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(header, "_UNSUSPICIOUS", 100_000)
    assert read(builders.dicom_bytes(ramp(), syntax=DeflatedExplicitVRLittleEndian)).pixels.shape == (30, 40)
    empty = builders.dicom_bytes(np.zeros((1000, 1000), np.uint16), syntax=DeflatedExplicitVRLittleEndian)
    assert refusal(empty).code == "dicom_too_large"


@pytest.mark.parametrize("value", [["a", "b", "c"], [1, 2], [np.nan, 0, 0], None])
def test_an_invalid_position_is_none(value: Any) -> None:
    dataset = Dataset()
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    if value is not None:
        dataset.add_new("ImagePositionPatient", "LO" if "a" in map(str, value) else "FD", value)
    assert geometry.slice_position(dataset, 0) is None
