"""Volumes in Hounsfield units, which are CT."""

from typing import Any

import nibabel as nib
import numpy as np
import pytest

from ml.readers.volumes import nifti
from tests.ml.readers.volumes.test_nifti import LIMIT, refusal, stored

NIFTI: Any = nib.Nifti1Image  # nibabel has no types


def ct() -> np.ndarray:
    """Hounsfield units: air, fat, a skull, and brain between 20 and 45."""
    z, y, x = np.mgrid[:40, :44, :24]
    radius = np.hypot(np.hypot((z - 19.5) / 18, (y - 21.5) / 20), (x - 11.5) / 11)
    volume = np.full((40, 44, 24), -1000.0, np.float32)
    volume[radius < 1] = -100
    volume[radius < 0.96] = 900
    volume[radius < 0.9] = 32 + 8 * np.sin(z[radius < 0.9] / 3)
    return volume


@pytest.mark.parametrize("shape", [(40, 44, 24), (40, 44, 24, 1)])
def test_a_volume_in_hounsfield_units_is_set_aside(shape: tuple[int, ...]) -> None:
    error = refusal(stored(ct().astype(np.int16).reshape(shape)))
    assert error.code == "not_mr"
    assert "Hounsfield" in error.message


def test_hounsfield_units_are_told_by_their_scaled_values() -> None:
    volume = NIFTI((ct() + 1024).astype(np.int16), np.eye(4))
    assert nifti.open_file(bytes(volume.to_bytes()), max_pixels=LIMIT).frames == 24
    volume.header.set_slope_inter(1, -1024)
    assert refusal(bytes(volume.to_bytes())).code == "not_mr"


@pytest.mark.parametrize("low", [-1000.0, -1.0, 0.0])
def test_negative_values_alone_are_no_ct(low: float) -> None:
    """A phase, a difference or standardized values spread over their range, without a peak at -1000."""
    values = np.random.default_rng(0).uniform(low, 1000, (30, 30, 12)).astype(np.float32)
    assert nifti.open_file(stored(values), max_pixels=LIMIT).frames == 12


@pytest.mark.parametrize("padding", [-1000, -1024])
def test_mr_padded_like_the_air_of_a_ct_is_read(padding: int) -> None:
    z, y, x = np.mgrid[:40, :44, :24]
    radius = np.hypot(np.hypot((z - 19.5) / 18, (y - 21.5) / 20), (x - 11.5) / 11)
    volume = np.where(radius < 1, 40 + 700 * radius + 60 * np.sin(z), padding).astype(np.int16)
    volume[(radius < 1) & (y < 26)] = 50
    assert ((volume >= 0) & (volume <= 100)).sum() > 0.5 * (volume > padding).sum()
    found = nifti.open_file(stored(volume), max_pixels=LIMIT)
    assert found.image(12).pixels.min() >= -20


def test_a_ct_without_its_skull_is_set_aside() -> None:
    volume = ct()
    volume[(volume > 100) | (volume < 0)] = -1000
    assert refusal(stored(volume)).code == "not_mr"
