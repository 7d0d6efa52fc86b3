"""The painted samples: the same every time, lesions where they are meant to be, background untouched."""

import io

import numpy as np
import pytest
from PIL import Image

from diagnosis import demo
from diagnosis.demo import Lesion, Sample
from ml.average_brain import Volume
from ml.readers import open_file

LESION = Lesion(center=(0.6, 0.5, 0.5), radius=0.1)


def ball(shape: tuple[int, int, int] = (64, 72, 60)) -> Volume:
    """An even ball of tissue in an empty volume."""
    axes = np.meshgrid(*[np.linspace(-1, 1, size) for size in shape], indexing="ij")
    return np.where(sum(axis**2 for axis in axes) < 0.81, 0.6, 0.0).astype(np.float32)


def test_painting_leaves_the_original_and_the_background_alone() -> None:
    volume = ball()
    before = volume.copy()
    painted = demo.paint(volume, LESION)
    assert np.array_equal(volume, before)
    assert np.array_equal(painted[before == 0], before[before == 0])
    assert painted.dtype == np.float32
    assert painted.min() >= 0.0
    assert painted.max() <= 1.0


def test_a_lesion_has_a_dark_core_a_bright_rim_and_darker_tissue_around() -> None:
    volume = ball()
    painted = demo.paint(volume, LESION)
    x, y, z = (int(fraction * size) for fraction, size in zip(LESION.center, volume.shape, strict=True))
    ray = painted[x:, y, z]
    rim = int(np.argmax(ray))
    assert ray[0] < 0.5
    assert ray[rim] > 0.8
    assert 0.5 < rim / (LESION.radius * max(volume.shape)) < 1.3
    beyond = ray[rim:]
    assert beyond[beyond > 0].min() < 0.5  # edema
    far = painted[: x - 25][volume[: x - 25] > 0]
    assert np.allclose(far, 0.6, atol=0.02)


def test_cuts_go_through_the_asked_point_and_stand_upright() -> None:
    volume = np.zeros((10, 12, 14), np.float32)
    volume[3, 4, 12] = 1.0
    at = (0.35, 0.35, 0.9)
    assert demo.cut(volume, plane="axial", at=at)[12 - 1 - 4, 3] == 1.0
    assert demo.cut(volume, plane="coronal", at=at)[14 - 1 - 12, 3] == 1.0
    assert demo.cut(volume, plane="sagittal", at=at)[14 - 1 - 12, 4] == 1.0


def test_files_are_square_gray_pngs_the_same_every_time() -> None:
    sample = Sample("SIM-X", LESION)
    first, second = list(demo.files(sample, ball())), list(demo.files(sample, ball()))
    assert first == second
    assert [name for name, _ in first] == [f"simulated-lesion-{plane}.png" for plane in demo.PLANES]
    for _, data in first:
        image = Image.open(io.BytesIO(data))
        assert (image.format, image.mode, image.size) == ("PNG", "L", (demo.SIDE, demo.SIDE))


def test_a_healthy_sample_is_shown_as_it_is() -> None:
    name, data = next(demo.files(Sample("SIM-Y"), ball()))
    assert name == "simulated-healthy-axial.png"
    assert set(np.unique(np.asarray(Image.open(io.BytesIO(data)))[118:138, 118:138])) == {int(0.6 * 255)}


def test_references_are_told_apart() -> None:
    references = [sample.reference for sample in demo.SAMPLES]
    assert references == ["SIM-HEALTHY", "SIM-LESION-1", "SIM-LESION-2"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
def test_the_samples_from_the_real_template() -> None:
    pytest.importorskip("nilearn")
    volume = demo.load_template()
    assert volume.shape == (197, 233, 189)
    assert (volume.min(), volume.max()) == (0.0, 1.0)
    assert volume[volume.shape[0] // 2, :, :5].max() < volume[volume.shape[0] // 2, :, 80:100].max()  # neck is below
    files = [(name, data) for sample in demo.SAMPLES for name, data in demo.files(sample, volume)]
    assert len({data for _, data in files}) == 11
    for opened in (open_file(data) for name, data in files if name.endswith(".nii")):
        assert 25 < opened.frames < 38  # of a head, 5 mm apart
        assert opened.image(opened.frames // 2).pixels.max() > 100
    for sample in demo.SAMPLES[1:]:
        assert sample.lesion is not None
        x, y, z = (int(fraction * size) for fraction, size in zip(sample.lesion.center, volume.shape, strict=True))
        assert volume[x, y, z] > 0.3, "the lesion's center lies in the brain"
