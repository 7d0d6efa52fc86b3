"""Sample cases to try the site with: slices of an average brain, some with a lesion painted in.

They are nobody's scans: see `ml.average_brain`. The lesions are drawn, not copied, and only roughly look like a
ring-enhancing tumor on a contrast-enhanced T1 image: dark center, bright rim, darker swollen tissue around it. They
show how the site works, and say nothing about how good the model is.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from ml import average_brain
from ml.average_brain import Volume

SIDE = 256
"""Width and height of a sample image, pixels."""

THICKNESS = 5
"""Millimeters between the slices of a sample volume."""

PLANES = ("axial", "coronal", "sagittal")


class TemplateMissing(Exception):
    """nilearn, which ships the template, is not installed."""


@dataclass(frozen=True, slots=True)
class Lesion:
    """Where to paint. center: fractions of the volume's extent (x, y, z). radius: fraction of its longest side."""

    center: tuple[float, float, float]
    radius: float


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample case.

    lesion: painted in, and the slices go through it. slices_at: where they go without one, as fractions of the extent.
    series: whether the whole volume belongs to the case, too.
    """

    reference: str
    lesion: Lesion | None = None
    slices_at: tuple[float, float, float] = (0.45, 0.52, 0.50)
    series: bool = False

    @property
    def cut(self) -> tuple[float, float, float]:
        """The point through which the slices go, as fractions of the extent."""
        return self.lesion.center if self.lesion else self.slices_at


SAMPLES = (
    Sample("SIM-HEALTHY", series=True),
    Sample("SIM-LESION-1", Lesion(center=(0.65, 0.62, 0.54), radius=0.085), series=True),
    Sample("SIM-LESION-2", Lesion(center=(0.35, 0.36, 0.52), radius=0.06)),
)


def load_template() -> Volume:
    """The average brain, see `ml.average_brain.load`. Raises TemplateMissing."""
    try:
        return average_brain.load()
    except ImportError as error:
        raise TemplateMissing("The sample cases need nilearn, which is not installed; run `make demo`.") from error


def files(sample: Sample, volume: Volume) -> Iterator[tuple[str, bytes]]:
    """The sample's files as (name, bytes): a PNG of each plane, and the volume if it has one. The same every time."""
    painted = paint(volume, sample.lesion) if sample.lesion else volume
    label = "lesion" if sample.lesion else "healthy"
    for plane in PLANES:
        yield f"simulated-{label}-{plane}.png", _png(_on_canvas(cut(painted, plane=plane, at=sample.cut)))
    if sample.series:
        yield f"simulated-{label}-volume.nii", _nifti(painted)


def paint(volume: Volume, lesion: Lesion) -> Volume:
    """A copy of `volume` (0 to 1) with the lesion in it. The background stays as it was."""
    distance = _distance(volume.shape, lesion)
    brain = volume > 0.05
    edema = _gaussian(distance, 1.3, 0.4)
    rim = _gaussian(distance, 0.85, 0.13)
    core = 1.0 / (1.0 + np.exp((distance - 0.75) / 0.06))
    painted = volume * (1.0 - 0.4 * edema)
    painted = painted * (1.0 - core) + (0.3 + 0.15 * volume) * core
    painted = painted * (1.0 - 0.9 * rim) + 0.9 * rim
    return np.where(brain, painted, volume).astype(np.float32)


def cut(volume: Volume, *, plane: str, at: tuple[float, float, float]) -> NDArray[np.float32]:
    """The slice through `at` (fractions of the extent) in one of PLANES. Above is the top of the head, or its front."""
    x, y, z = (min(int(fraction * size), size - 1) for fraction, size in zip(at, volume.shape, strict=True))
    planes = {"axial": volume[:, :, z], "coronal": volume[:, y, :], "sagittal": volume[x, :, :]}
    return np.flipud(planes[plane].T)


def _distance(shape: tuple[int, ...], lesion: Lesion) -> NDArray[np.float64]:
    """Distance of every voxel from the lesion's center, in radii. Slightly uneven, as no tumor is a ball."""
    scale = lesion.radius * max(shape)
    axes = [np.arange(size) - fraction * size for size, fraction in zip(shape, lesion.center, strict=True)]
    x, y, z = (offset / scale for offset in np.meshgrid(*axes, indexing="ij", sparse=True))
    uneven = 1.0 + 0.16 * np.sin(2.9 * x + 0.7) * np.cos(2.3 * y) + 0.14 * np.sin(3.1 * z + 2.2 * y) * np.cos(1.9 * x)
    return np.asarray(np.sqrt(x**2 + 1.3 * y**2 + 0.9 * z**2) * uneven)


def _gaussian(distance: NDArray[np.float64], center: float, width: float) -> NDArray[np.float64]:
    return np.exp(-0.5 * ((distance - center) / width) ** 2)


def _on_canvas(plane: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The slice cropped to what it shows, as 8-bit gray in the middle of a black square."""
    image = Pillow.fromarray((np.clip(plane, 0.0, 1.0) * 255).astype(np.uint8))
    image = image.crop(image.getbbox())
    scale = 0.9 * SIDE / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    canvas = Pillow.new("L", (SIDE, SIDE))
    canvas.paste(image.resize((width, height), Pillow.Resampling.BICUBIC), ((SIDE - width) // 2, (SIDE - height) // 2))
    return np.asarray(canvas)


def _nifti(volume: Volume) -> bytes:
    """Axial slices of the head, THICKNESS mm apart, as a scanner would make them."""
    slices = (np.clip(volume[:, :, THICKNESS // 2 :: THICKNESS], 0.0, 1.0) * 255).astype(np.uint8)
    head = np.flatnonzero(slices.reshape(-1, slices.shape[2]).any(axis=0))
    slices = np.ascontiguousarray(slices[:, :, head[0] : head[-1] + 1])
    volume_file = nib.Nifti1Image(slices, np.diag([1.0, 1.0, THICKNESS, 1.0]))  # type: ignore[no-untyped-call]
    return bytes(volume_file.to_bytes())


def _png(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
