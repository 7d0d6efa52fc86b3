"""NIfTI-1 and NIfTI-2, plain or gzipped: a volume as slices in radiological orientation.

Slices are cut across the axis along which voxels are longest, as they were acquired; a volume of cubes is cut axially.
The axes come from the affine (sform, else qform), so any storage order and direction gives the same slices: the
patient's right at the left edge, the front or the head above.
"""

import logging
import warnings
import zlib
from dataclasses import dataclass
from typing import Any

import nibabel as nib
import numpy as np

from ml.contracts import Image, UnreadableImage
from ml.readers import outliers
from ml.readers.orientation import edge_letters
from ml.readers.outliers import without_outliers
from ml.readers.packed import InflatesTooLarge, inflated_size

MAX_INFLATED = 1_000_000_000
"""Bytes that a gzipped volume may inflate to."""
MAX_RATIO = 100
"""How many times its packed size a volume beyond _UNSUSPICIOUS may inflate to. A head in wide margins reaches 20."""
_UNSUSPICIOUS = 64_000_000
MAX_SLICES = 2_000
_LARGEST = 1e30
_GZIP = 16 + zlib.MAX_WBITS
_LONGER = 1.2
"""A volume whose voxels are longer by this factor along one axis was acquired in slices across it."""
_AIR = (-1050, -950)
_SOFT_TISSUE = (0, 100)
"""Hounsfield units of air around a head, and of brain, muscle and blood in it. Gray values of MR are never so: a
magnitude is not negative, and maps that are have no peak there."""
_LEAST_AIR, _LEAST_TISSUE = 0.1, 0.01
_SAMPLED = 256
"""Voxels along each of the first two axes that the search for a CT looks at."""
_FORMATS: tuple[tuple[str, Any], ...] = (("NIfTI-1", nib.Nifti1Image), ("NIfTI-2", nib.Nifti2Image))
logging.getLogger("nibabel.global").setLevel(logging.CRITICAL + 1)  # it quotes the header, which may name the patient
_axes: Any = nib.orientations.io_orientation  # nibabel has no types

_VIEWS = {0: (2, 1), 1: (2, 0), 2: (1, 0)}
"""Axes of rows and columns, by the axis across which slices are cut (0 left-right, 1 back-front, 2 feet-head)."""
_SHOWN = ((1, 0, 0), (0, 1, 0), (0, 0, -1))
"""Direction in which each of these axes runs on the screen, in DICOM's coordinates: leftwards, backwards, downwards."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A volume.

    frames: number of slices, from feet to head, right to left or front to back. orientation_letters: what lies at the
    left, right, upper and lower edge. spacing: mm between rows and between columns. thickness: mm between slices.
    """

    volume: Any
    format: str
    axis: int
    frames: int
    orientation_letters: tuple[str, str, str, str]
    spacing: tuple[float, float]
    thickness: float
    notes: tuple[str, ...]

    def image(self, index: int) -> Image:
        """Slice `index`. Raises UnreadableImage with code `not_finite` or `damaged`."""
        order = _axes(self.volume.affine)
        stored = [int(np.flatnonzero(order[:, 0] == world)[0]) for world in range(3)]  # storage axis of each world axis
        cut: list[Any] = [slice(None)] * 3 + [0] * (len(self.volume.shape) - 3)
        reverse = order[stored[self.axis], 1] < 0
        cut[stored[self.axis]] = self.frames - 1 - index if reverse else index
        try:
            plane = np.asarray(self.volume.dataobj[tuple(cut)], np.float32)
        except Exception as error:
            raise _cut_off(self.format) from error
        rows, columns = _VIEWS[self.axis]
        if stored[rows] > stored[columns]:
            plane = plane.T
        # World axes point to right, front and head; the image starts at right, front and head.
        plane = plane[::-1] if order[stored[rows], 1] > 0 else plane
        plane = plane[:, ::-1] if order[stored[columns], 1] > 0 else plane
        notes, finite = list(self.notes), np.isfinite(plane)
        if not finite.any() or np.abs(plane[finite]).max() > _LARGEST:
            raise UnreadableImage("not_finite", f"The {self.format} file holds voxels that are no usable numbers.")
        if not finite.all():
            plane = np.where(finite, plane, plane[finite].min())
            notes.append("Voxels that are no number were taken as background.")
        inside = without_outliers(plane)
        if inside is not plane:
            notes.append(outliers.NOTE)
        height, width = inside.shape
        return Image(np.ascontiguousarray(inside), self.format, width, height, notes=tuple(notes))


def inflate(data: bytes, *, limit: int = MAX_INFLATED) -> bytes:
    """Gunzip. Raises UnreadableImage with code `truncated`, `damaged` or `too_large`."""
    limit = min(limit, max(_UNSUSPICIOUS, MAX_RATIO * len(data)))
    try:
        size = inflated_size(data, wbits=_GZIP, max_bytes=limit)  # before memory of that size is taken
        return zlib.decompressobj(_GZIP).decompress(data, size)
    except InflatesTooLarge:
        raise UnreadableImage("too_large", f"The gzip file holds more than {limit // 1_000_000} MB.") from None
    except EOFError as error:
        raise UnreadableImage("truncated", "The gzip file is cut off.") from error
    except zlib.error as error:
        raise UnreadableImage("damaged", "The gzip file is damaged and cannot be unpacked.") from error


def open_file(data: bytes, *, max_pixels: int) -> Opened:
    """Open a volume that is not gzipped.

    Raises UnreadableImage with code `damaged`, `truncated`, `four_dimensional`, `not_gray`, `too_many_pixels` or
    `too_many_frames`, and `not_mr` for voxels in Hounsfield units.
    """
    name, image_class = _FORMATS[0 if data[344:348] == b"n+1\x00" else 1]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            volume: Any = image_class.from_bytes(data)
        shape, dtype = volume.shape, volume.header.get_data_dtype()
        affine, zooms = np.asarray(volume.affine, np.float64), np.abs(volume.header.get_zooms()[:3]).astype(float)
        order = _axes(affine)
    except Exception as error:  # nibabel raises almost anything on hostile headers
        raise UnreadableImage("damaged", f"The {name} file is damaged: its header cannot be read.") from error
    if len(shape) < 3 or min(shape) < 1 or np.isnan(order).any():
        raise UnreadableImage("damaged", f"The {name} file is no volume: its header (dim, affine) has no three axes.")
    if any(length > 1 for length in shape[3:]):
        raise UnreadableImage(
            "four_dimensional",
            f"The {name} file holds {int(np.prod(shape[3:]))} volumes (dim[4] and above); export one of them.",
        )
    if dtype.names or dtype.kind not in "iuf":
        raise UnreadableImage(
            "not_gray", f"The {name} file holds colors or complex numbers (datatype), not gray values."
        )
    if len(data) < volume.dataobj.offset + int(np.prod(shape, dtype=np.int64)) * dtype.itemsize:
        raise _cut_off(name)
    opened = _opened(volume, name, order, zooms, max_pixels)
    if _is_hounsfield(volume):
        raise UnreadableImage(
            "not_mr",
            f"Set aside: the {name} file holds a CT. Its values, scaled by scl_slope and scl_inter, are Hounsfield "
            "units: about -1000 in the air.",
        )
    return opened


def _is_hounsfield(volume: Any) -> bool:
    """Whether a sample of the voxels has air and soft tissue where a CT has them."""
    steps = tuple(slice(None, None, -(-length // _SAMPLED)) for length in volume.shape[:2])
    count = volume.shape[2]
    chosen = sorted({round(at) for at in np.linspace(0, count - 1, min(count, 9))})
    try:
        values = np.stack([np.asarray(volume.dataobj[(*steps, at)], np.float32) for at in chosen])
    except Exception:  # the slices are read again one by one, and then it is reported
        return False
    air, tissue = (float(((values >= low) & (values <= high)).mean()) for low, high in (_AIR, _SOFT_TISSUE))
    return air >= _LEAST_AIR and tissue >= _LEAST_TISSUE


def _opened(volume: Any, name: str, order: Any, zooms: Any, max_pixels: int) -> Opened:
    world = [int(np.flatnonzero(order[:, 0] == axis)[0]) for axis in range(3)]
    sides = zooms[world]
    notes = []
    if not (np.isfinite(sides).all() and (sides > 0).all()):
        sides = np.ones(3)
        notes.append("The file does not say how large its voxels are; they were taken as cubes.")
    if volume.header["sform_code"] == 0 and volume.header["qform_code"] == 0:
        notes.append(
            "The file does not say how the head lies (sform and qform are unset); it was taken as it is stored."
        )
    longest = int(np.argmax(sides))
    axis = longest if sides[longest] >= _LONGER * np.delete(sides, longest).max() else 2
    rows, columns = _VIEWS[axis]
    frames, height, width = (volume.shape[world[one]] for one in (axis, rows, columns))
    if height * width > max_pixels:
        raise UnreadableImage(
            "too_many_pixels",
            f"The {name} file's slices have {width} × {height} pixels; at most {max_pixels:,} are read.",
        )
    if frames > MAX_SLICES:
        raise UnreadableImage(
            "too_many_frames", f"The {name} file has {frames:,} slices; at most {MAX_SLICES:,} are read."
        )
    letters = edge_letters(_SHOWN[columns], _SHOWN[rows])
    spacing = float(sides[rows]), float(sides[columns])
    return Opened(volume, name, axis, frames, letters, spacing, float(sides[axis]), tuple(notes))


def _cut_off(name: str) -> UnreadableImage:
    return UnreadableImage("truncated", f"The {name} file is cut off: it ends before its voxels.")
