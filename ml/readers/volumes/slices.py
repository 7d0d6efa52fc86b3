"""A volume as slices, cut as they were acquired and turned into radiological orientation."""

from dataclasses import dataclass
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from ml.contracts import Image, UnreadableImage
from ml.readers import outliers
from ml.readers.aspect import plausible, squared
from ml.readers.orientation import edge_letters
from ml.readers.outliers import without_outliers
from ml.readers.values import GrayValues
from ml.readers.volumes.affine import Lying
from ml.readers.volumes.hounsfield import is_hounsfield

MAX_SLICES = 2_000
_LARGEST = 1e30
_OFFSET = 4096
"""A range this many times smaller than the values themselves would lose gray levels in float32, as in a TIFF."""
_LONGER = 1.2
"""A volume whose voxels are longer by this factor along one axis was acquired in slices across it."""
_FEWER = 0.5
"""A volume of cubes with fewer voxels along one axis, as a fraction of the others, is a slab of slices across it."""
_axes: Any = nib.orientations.io_orientation  # nibabel has no types

_VIEWS = {0: (2, 1), 1: (2, 0), 2: (1, 0)}
"""Axes of rows and columns, by the axis across which slices are cut (0 left-right, 1 back-front, 2 feet-head)."""
_SHOWN = ((1, 0, 0), (0, 1, 0), (0, 0, -1))
"""Direction in which each of these axes runs on the screen, in DICOM's coordinates: leftwards, backwards, downwards."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A volume.

    header, voxels: nibabel's, of a NIfTI file; voxels has three axes, which the header's first three describe.
    axis: across which slices are cut. stored: storage axis and direction (1 or -1) of each world axis.
    frames: number of slices, from feet to head, left to right or back to front. orientation_letters: what lies at the
    left, right, upper and lower edge, None if the file does not say. spacing: mm between rows and between columns.
    thickness: mm between slices. sides_known: whether the file gives these; if not, they are 1.
    """

    header: Any
    voxels: Any
    format: str
    axis: int
    stored: tuple[tuple[int, int], ...]
    frames: int
    orientation_letters: tuple[str, str, str, str] | None
    spacing: tuple[float, float]
    thickness: float
    sides_known: bool
    notes: tuple[str, ...]

    @property
    def stored_format(self) -> str:
        """Of the copy without its free text, whatever the format that came."""
        return "NIfTI-2" if int(self.header.sizeof_hdr) == 540 else "NIfTI-1"

    def image(self, index: int) -> Image:
        """Slice `index`, with square pixels; width and height are those of the file.

        Raises UnreadableImage with code `not_finite` or `damaged`.
        """
        plane, notes = self._plane(index), list(self.notes)
        usable = np.isfinite(plane) & (np.abs(plane) <= _LARGEST)
        if not usable.all():
            if not usable.any() and not self._any_usable():
                raise UnreadableImage("not_finite", f"The {self.format} file holds voxels that are no usable numbers.")
            plane = np.where(usable, plane, plane[usable].min() if usable.any() else np.float32(0))
            notes.append("Voxels that are no number were taken as background.")
        inside = without_outliers(plane)
        if inside is not plane:
            notes.append(outliers.NOTE)
        height, width = inside.shape
        pixels, resampled = squared(np.ascontiguousarray(inside), self.spacing)
        return Image(pixels, self.format, width, height, notes=(*notes, *resampled))

    def values(self, index: int) -> GrayValues:
        """Slice `index` as `image` gives it, as no window is applied there. Raises UnreadableImage."""
        image = self.image(index)
        size = (image.width * self.spacing[1], image.height * self.spacing[0]) if self._measurable else None
        return GrayValues(image.pixels, millimeters=size)

    @property
    def _measurable(self) -> bool:
        return self.sides_known and plausible(self.spacing)

    def _plane(self, index: int) -> NDArray[np.float32]:
        cut: list[Any] = [slice(None)] * 3
        across, direction = self.stored[self.axis]
        cut[across] = self.frames - 1 - index if direction < 0 else index
        try:
            with np.errstate(over="ignore"):  # of a 64-bit value; the caller finds it
                plane = _single_precision(np.asarray(self.voxels[tuple(cut)]))
        except Exception as error:
            raise UnreadableImage("damaged", f"The {self.format} file is damaged: a slice cannot be read.") from error
        (rows, down), (columns, leftwards) = (self.stored[axis] for axis in _VIEWS[self.axis])
        plane = plane.T if rows > columns else plane
        # World axes point to right, front and head; the image starts at right, front and head.
        plane = plane[::-1] if down > 0 else plane
        return plane[:, ::-1] if leftwards > 0 else plane

    def _any_usable(self) -> bool:
        """Whether a slice, searched from the middle outwards, holds a usable number."""
        order = sorted(range(self.frames), key=lambda index: abs(index - self.frames // 2))
        return any((np.abs(self._plane(index)) <= _LARGEST).any() for index in order)


def _single_precision(values: NDArray[Any]) -> NDArray[np.float32]:
    """The values, counted from the lowest usable one where float32 would lose gray levels (`_OFFSET`)."""
    if values.dtype.itemsize > 4 or values.dtype.str[1:] in ("i4", "u4"):
        usable = values[np.isfinite(values) & (np.abs(values.astype(np.float64)) <= _LARGEST)]
        low, high = (float(usable.min()), float(usable.max())) if usable.size else (0.0, 0.0)
        if low < high < low + max(abs(low), abs(high)) / _OFFSET:
            values = values.astype(np.float64) - low
    return np.asarray(values, np.float32)


def opened(
    header: Any, voxels: Any, *, name: str, lying: Lying, notes: tuple[str, ...] = (), max_pixels: int
) -> Opened:
    """voxels: three axes. Raises UnreadableImage with code `too_many_pixels`, `too_many_frames` or `not_mr` (a CT)."""
    order = _axes(lying.affine)
    world = [int(np.flatnonzero(order[:, 0] == axis)[0]) for axis in range(3)]
    sides = np.linalg.norm(lying.affine[:3, :3], axis=0)[world]
    notes += lying.notes
    if not lying.sides_known:
        notes += ("The file does not say how large its voxels are; they were taken as cubes.",)
    counts = np.array(voxels.shape)[world]
    axis = _cut(counts, sides)
    rows, columns = _VIEWS[axis]
    frames, height, width = (int(counts[one]) for one in (axis, rows, columns))
    if height * width > max_pixels:
        raise UnreadableImage(
            "too_many_pixels",
            f"The {name} file's slices have {width} × {height} pixels; at most {max_pixels:,} are read.",
        )
    if frames > MAX_SLICES:
        raise UnreadableImage(
            "too_many_frames", f"The {name} file has {frames:,} slices; at most {MAX_SLICES:,} are read."
        )
    if is_hounsfield(voxels):
        raise UnreadableImage(
            "not_mr",
            f"Set aside: the {name} file holds a CT. Its values, scaled as the header says, are Hounsfield units: "
            "about -1000 in the air.",
        )
    return Opened(
        header=header,
        voxels=voxels,
        format=name,
        axis=axis,
        stored=tuple((world[one], 1 if order[world[one], 1] > 0 else -1) for one in range(3)),
        frames=frames,
        orientation_letters=edge_letters(_SHOWN[columns], _SHOWN[rows]) if lying.oriented else None,
        spacing=(float(sides[rows]), float(sides[columns])),
        thickness=float(sides[axis]),
        sides_known=lying.sides_known,
        notes=notes,
    )


def _cut(counts: NDArray[np.int_], sides: NDArray[np.float64]) -> int:
    """The world axis across which to cut, by the number of voxels and their sides along each."""
    thin = int(np.argmin(counts))
    if counts[thin] == 1 < np.delete(counts, thin).min():
        return thin
    longest = int(np.argmax(sides))
    if sides[longest] >= _LONGER * np.delete(sides, longest).max():
        return longest
    return thin if counts[thin] < _FEWER * np.delete(counts, thin).min() else 2
