"""Color profiles and gamma change gray as viewers do, and are left alone where nobody could see it."""

import io

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageCms
from PIL.PngImagePlugin import PngInfo

from ml import readers
from ml.readers.raster.appearance import GAMMA, PROFILE
from tests import builders

SLICE = builders.phantom(90)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def with_gamma(gamma: float) -> bytes:
    info = PngInfo()
    info.add(b"gAMA", round(gamma * 100_000).to_bytes(4, "big"))
    return builders.png_bytes(SLICE, pnginfo=info)


def linear() -> bytes:
    """sRGB's primaries with a straight curve: its three curves are replaced by "gamma 1"."""
    profile = bytearray(SRGB)
    count = int.from_bytes(profile[128:132], "big")
    for at in range(132, 132 + 12 * count, 12):
        if bytes(profile[at : at + 4]) in (b"rTRC", b"gTRC", b"bTRC"):
            place = int.from_bytes(profile[at + 4 : at + 8], "big")
            profile[place : place + 12] = b"curv" + bytes(8)
            profile[at + 8 : at + 12] = (12).to_bytes(4, "big")
    return bytes(profile)


def encoded(values: np.ndarray) -> np.ndarray:
    """Linear light in sRGB's levels (IEC 61966-2-1)."""
    unit = values / 255
    return 255 * np.where(unit > 0.0031308, 1.055 * unit ** (1 / 2.4) - 0.055, 12.92 * unit)


def test_a_linear_gamma_is_applied() -> None:
    image = readers.read(with_gamma(1.0))
    assert image.notes == (GAMMA,)
    np.testing.assert_allclose(image.pixels, 255 * (SLICE / 255) ** (1 / 2.2), atol=1)


@pytest.mark.parametrize("gamma", [0.45455, 0.44, 0.0])
def test_the_usual_gamma_changes_nothing(gamma: float) -> None:
    image = readers.read(with_gamma(gamma))
    assert image.notes == ()
    np.testing.assert_array_equal(image.pixels, SLICE)


def test_a_profile_that_shows_other_grays_is_applied() -> None:
    image = readers.read(builders.png_bytes(builders.rgb(SLICE), icc_profile=linear()))
    assert image.notes == (PROFILE,)
    np.testing.assert_allclose(image.pixels, encoded(SLICE.astype(float)), atol=3)


@pytest.mark.parametrize("profile", [SRGB, b"no profile at all", SRGB[:200]])
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P"])
def test_other_profiles_change_nothing(profile: bytes, mode: str) -> None:
    stream = io.BytesIO()
    Pillow.fromarray(SLICE).convert(mode).save(stream, "PNG", icc_profile=profile)
    image = readers.read(stream.getvalue())
    assert image.notes == ()
    assert np.abs(image.pixels.astype(int) - SLICE).max() <= 1
