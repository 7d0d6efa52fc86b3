"""Gray values before any window: what of a file decides how a viewer may show them, and how large the slice is."""

from typing import Any

import numpy as np
import pytest

from ml.readers import dicom, open_file, volumes
from ml.readers.values import EIGHT_BITS, GrayValues
from tests import builders

LIMIT = 25_000_000


def ramp() -> np.ndarray:
    return np.arange(-600, 600, dtype=np.int16).reshape(30, 40)


def of_dicom(pixels: np.ndarray | None = None, **tags: Any) -> GrayValues:
    data = builders.dicom_bytes(ramp() if pixels is None else pixels, **tags)
    return dicom.open_file(data, max_pixels=LIMIT).values(0)


def test_values_are_those_after_the_rescale() -> None:
    found = of_dicom(RescaleSlope=2, RescaleIntercept=-7, WindowCenter=0, WindowWidth=100)
    assert (found.plane == ramp() * 2 - 7).all()


@pytest.mark.parametrize(
    ("function", "expected"), [("LINEAR", (-101, 100)), ("LINEAR_EXACT", (-101, 101)), ("SIGMOID", (-101, 101))]
)
def test_windows_are_bounds_by_their_function(function: str, expected: tuple[float, float]) -> None:
    found = of_dicom(WindowCenter=[0, 300], WindowWidth=[202, 52], VOILUTFunction=function)
    assert found.windows[0] == (*expected, 0.0, 202.0)
    assert len(found.windows) == 2


@pytest.mark.parametrize(
    ("center", "width"), [(0, 0), (90_000, 10), ([0, 1], 100), (float("nan"), 5)], ids=["flat", "beyond", "odd", "nan"]
)
def test_windows_that_show_nothing_are_left_out(center: Any, width: Any) -> None:
    assert of_dicom(WindowCenter=center, WindowWidth=width).windows == ()


def test_inverted_values_stay_as_they_are_so_that_windows_fit() -> None:
    found = of_dicom(PhotometricInterpretation="MONOCHROME1", WindowCenter=0, WindowWidth=101)
    assert found.inverted
    assert (found.plane == ramp()).all()


def test_a_color_capture_is_shown_as_it_is() -> None:
    pixels = builders.rgb(builders.phantom(64))
    found = of_dicom(pixels, PhotometricInterpretation="RGB", SamplesPerPixel=3, PlanarConfiguration=0)
    assert (found.windows, found.inverted) == ((EIGHT_BITS,), False)
    assert found.plane.dtype == np.uint8


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"PixelSpacing": [0.5, 0.25]}, (40 * 0.25, 30 * 0.5)),
        ({"PixelSpacing": [1, 0.1]}, None),  # no such pixels: a mistake
        ({"PixelSpacing": [0, 0]}, None),
        ({"ImagerPixelSpacing": [0.5, 0.5]}, None),  # on the detector
        ({"PixelAspectRatio": [1, 2]}, None),
        ({}, None),
    ],
)
def test_the_size_in_the_patient_is_pixel_spacing_alone(
    tags: dict[str, Any], expected: tuple[float, float] | None
) -> None:
    assert of_dicom(**tags).millimeters == expected


def test_the_size_stays_where_pixels_are_made_square() -> None:
    found = of_dicom(PixelSpacing=[2, 1])
    assert found.plane.shape == (60, 40)
    assert found.millimeters == (40, 60)


def test_a_volume_says_how_large_its_voxels_are() -> None:
    voxels = np.arange(40 * 30 * 4, dtype=np.int16).reshape(40, 30, 4)
    data = builders.nifti(voxels, np.diag([0.5, 0.8, 5, 1])).to_bytes()
    found = volumes.open_file(data, file_format="NIfTI", max_pixels=LIMIT).values(2)
    assert found.millimeters == pytest.approx((20, 24))
    assert (found.windows, found.inverted) == ((), False)


def test_a_volume_of_unknown_voxel_size_has_none() -> None:
    image = builders.nifti(np.arange(40 * 30 * 4, dtype=np.int16).reshape(40, 30, 4), None)
    image.header["pixdim"][1:4] = 0
    image.header["sform_code"] = image.header["qform_code"] = 0
    data = bytearray(image.to_bytes())
    data[76 + 4 : 76 + 16] = bytes(12)  # pixdim
    opened = volumes.open_file(bytes(data), file_format="NIfTI", max_pixels=LIMIT)
    assert not opened.sides_known
    assert opened.values(0).millimeters is None


def test_an_image_has_its_levels_and_no_size() -> None:
    eight, deep = builders.phantom(64), builders.phantom(64).astype(np.uint16) * 256
    assert open_file(builders.png_bytes(eight)).values(0).windows == (EIGHT_BITS,)
    found = open_file(builders.png_bytes(deep)).values(0)
    assert (found.windows, found.millimeters) == ((), None)
    assert (found.plane == deep).all()
