"""Files to upload: noisy slices of an average brain, whole series of them, and broken files.

No patient's data: see `diagnosis.demo`.
"""

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diagnosis import demo
from tests import builders

File = tuple[str, bytes]
SIDE = 256
SLICES = 8
_HEIGHTS = np.linspace(0.53, 0.64, 12)  # below these, bone beside the brain can look like text
NOISE = 1.0
"""Of 255. It makes every file another image; with four times as much, one slice in 600 looked like text."""


class Files:
    """Makes files, each with a unique name. Thread-safe."""

    def __init__(self, *, seed: int = 0) -> None:
        volume = demo.load_template()
        lesion = demo.SAMPLES[1].lesion
        assert lesion is not None
        x, y, _ = lesion.center
        self._planes = [
            _square(demo.cut(shown, plane="axial", at=(x, y, float(height))))
            for shown in (demo.paint(volume, lesion), volume)
            for height in _HEIGHTS
        ]
        self._random, self._lock, self._made = np.random.default_rng(seed), threading.Lock(), 0

    def _next(self, count: int = 1) -> tuple[int, list[NDArray[np.uint8]]]:
        with self._lock:
            self._made += 1
            first = self._made
            noise = self._random.normal(0, NOISE, (count, SIDE, SIDE))
        planes = [self._planes[(first * 5 + n) % len(self._planes)] for n in range(count)]
        return first, [np.clip(p + n, 0, 255).astype(np.uint8) for p, n in zip(planes, noise, strict=True)]

    def picture(self) -> File:
        """PNG, JPEG, TIFF, WebP or BMP, in turn."""
        number, [plane] = self._next()
        kind = ("PNG", "JPEG", "TIFF", "WEBP", "BMP")[number % 5]
        return f"picture-{number}.{kind.lower()}", builders.encode(plane, kind)

    def drawing(self) -> File:
        """A drawing of a head, which the gate refuses."""
        number, _ = self._next()
        return f"drawing-{number}.png", builders.png_bytes(builders.phantom(SIDE, seed=number))

    def dicom(self) -> File:
        number, [plane] = self._next()
        return f"image-{number}.dcm", builders.dicom_bytes(plane, PixelSpacing=[1, 1])

    def series(self) -> File:
        """A ZIP archive of DICOM files."""
        name, files = self.slices()
        return f"{name}.zip", builders.zipped({f"IM{n}": data for n, data in enumerate(files)})

    def slices(self) -> tuple[str, list[bytes]]:
        """A DICOM series, a file for each slice."""
        number, planes = self._next(SLICES)
        return f"series-{number}", builders.dicom_series(SLICES, size=SIDE, planes=list(planes))

    def volume(self) -> File:
        """A NIfTI volume of SLICES slices."""
        import nibabel as nib

        volume: Any = nib.Nifti1Image  # nibabel has no types
        number, planes = self._next(SLICES)
        stack = np.stack([plane.T[:, ::-1] for plane in planes], axis=2)
        data = volume(stack, np.diag([1.0, 1.0, 5.0, 1.0])).to_bytes()
        return f"volume-{number}.nii", bytes(data)

    def broken(self) -> File:
        """In turn: a truncated PNG, one that claims 3.6 gigapixels, HTML, text, an empty file, truncated DICOM."""
        number, [plane] = self._next()
        kinds = [
            builders.png_bytes(plane)[:2000],
            builders.bomb_png(),
            builders.HTML,
            builders.TEXT,
            b"",
            builders.dicom_bytes(plane)[:900],
        ]
        return f"broken-{number}.png", kinds[number % len(kinds)]


def _square(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    from PIL import Image

    gray = Image.fromarray((np.clip(plane, 0, 1) * 235).astype(np.uint8)).resize((SIDE, SIDE))
    return np.asarray(gray, np.float32)
