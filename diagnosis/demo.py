"""Sample cases to try the site with: slices of an average brain, some with a lesion that this code paints in.

Nobody's scan: the MNI ICBM152 template is the average of 152 healthy people (Fonov et al., NeuroImage 2011), freely
usable, and nilearn ships it. The lesions are drawn, not copied, and only roughly look like a ring-enhancing tumor on a
contrast-enhanced T1 image: dark center, bright rim, darker swollen tissue around it. They show how the site works, and
say nothing about how good the model is.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

Volume = NDArray[np.float32]

SIDE = 256
"""Width and height of a sample picture, pixels."""

THICKNESS = 5
"""Between the slices of a sample volume, mm."""

PLANES = ("axial", "coronal", "sagittal")


class TemplateMissing(Exception):
    """nilearn, which ships the template, is not installed."""


@dataclass(frozen=True, slots=True)
class Lesion:
    """Where to paint: center and radius as shares of the volume's extent (x, y, z) and of its longest side."""

    center: tuple[float, float, float]
    radius: float


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample case: its reference, the lesion painted in, and where the slices are taken when there is none.
    series: whether the whole volume comes with it."""

    reference: str
    lesion: Lesion | None = None
    through: tuple[float, float, float] = (0.45, 0.52, 0.50)
    series: bool = False

    @property
    def cut(self) -> tuple[float, float, float]:
        """Slices go through the lesion's center."""
        return self.lesion.center if self.lesion else self.through


SAMPLES = (
    Sample("SIM-HEALTHY", series=True),
    Sample("SIM-LESION-1", Lesion(center=(0.65, 0.62, 0.54), radius=0.085), series=True),
    Sample("SIM-LESION-2", Lesion(center=(0.35, 0.36, 0.52), radius=0.06)),
)


def load_template() -> Volume:
    """The template at 1 mm, (x, y, z) from left, back and bottom, 0 to 1. From the installed package: no download.

    Raises TemplateMissing.
    """
    try:
        from nilearn.datasets import load_mni152_template
    except ImportError as error:
        raise TemplateMissing("The sample cases need nilearn, which is not installed; run `make demo`.") from error
    return np.asarray(load_mni152_template(resolution=1).get_fdata(), dtype=np.float32)


def files(sample: Sample, volume: Volume) -> Iterator[tuple[str, bytes]]:
    """The sample's files as (name, bytes): a PNG of each plane, and perhaps a volume. The same bytes every time."""
    painted = paint(volume, sample.lesion) if sample.lesion else volume
    kind = "lesion" if sample.lesion else "healthy"
    for plane in PLANES:
        yield f"simulated-{kind}-{plane}.png", _png(_on_canvas(cut(painted, plane=plane, at=sample.cut)))
    if sample.series:
        yield f"simulated-{kind}-volume.nii", _nifti(painted)


def paint(volume: Volume, lesion: Lesion) -> Volume:
    """A copy of `volume` (0 to 1) with the lesion in it. Only brain is painted on: background stays as it was."""
    distance = _distance(volume.shape, lesion)
    brain = volume > 0.05
    edema = _bell(distance, 1.3, 0.4)
    rim = _bell(distance, 0.85, 0.13)
    core = 1.0 / (1.0 + np.exp((distance - 0.75) / 0.06))
    painted = volume * (1.0 - 0.4 * edema)
    painted = painted * (1.0 - core) + (0.3 + 0.15 * volume) * core
    painted = painted * (1.0 - 0.9 * rim) + 0.9 * rim
    return np.where(brain, painted, volume).astype(np.float32)


def cut(volume: Volume, *, plane: str, at: tuple[float, float, float]) -> NDArray[np.float32]:
    """The slice through `at` (shares of the extent) in one of PLANES, upright: top of the head, or front, above."""
    x, y, z = (min(int(share * size), size - 1) for share, size in zip(at, volume.shape, strict=True))
    planes = {"axial": volume[:, :, z], "coronal": volume[:, y, :], "sagittal": volume[x, :, :]}
    return np.flipud(planes[plane].T)


def _distance(shape: tuple[int, ...], lesion: Lesion) -> NDArray[np.float64]:
    """Of every voxel from the center, in radii, over a gently uneven surface: no tumor is a ball."""
    scale = lesion.radius * max(shape)
    axes = [np.arange(size) - share * size for size, share in zip(shape, lesion.center, strict=True)]
    x, y, z = (offset / scale for offset in np.meshgrid(*axes, indexing="ij", sparse=True))
    uneven = 1.0 + 0.16 * np.sin(2.9 * x + 0.7) * np.cos(2.3 * y) + 0.14 * np.sin(3.1 * z + 2.2 * y) * np.cos(1.9 * x)
    return np.sqrt(x**2 + 1.3 * y**2 + 0.9 * z**2) * uneven


def _bell(distance: NDArray[np.float64], center: float, width: float) -> NDArray[np.float64]:
    return np.exp(-0.5 * ((distance - center) / width) ** 2)


def _on_canvas(plane: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The slice as 8-bit gray in the middle of a black square with a margin, its empty border cut off."""
    picture = Pillow.fromarray((np.clip(plane, 0.0, 1.0) * 255).astype(np.uint8))
    picture = picture.crop(picture.getbbox())
    scale = 0.9 * SIDE / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    canvas = Pillow.new("L", (SIDE, SIDE))
    canvas.paste(
        picture.resize((width, height), Pillow.Resampling.BICUBIC), ((SIDE - width) // 2, (SIDE - height) // 2)
    )
    return np.asarray(canvas)


def _nifti(volume: Volume) -> bytes:
    """Axial slices of the head, THICKNESS mm apart, as a scanner would have made them."""
    some = (np.clip(volume[:, :, THICKNESS // 2 :: THICKNESS], 0.0, 1.0) * 255).astype(np.uint8)
    inside = np.flatnonzero(some.reshape(-1, some.shape[2]).any(axis=0))
    some = np.ascontiguousarray(some[:, :, inside[0] : inside[-1] + 1])
    return bytes(nib.Nifti1Image(some, np.diag([1.0, 1.0, THICKNESS, 1.0])).to_bytes())


def _png(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
