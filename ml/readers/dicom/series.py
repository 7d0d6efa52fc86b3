"""Which slices of several DICOM files belong together, and in which order.

One series (Series Instance UID) can hold several stacks: slices in three planes, or at several times. A stack has one
direction and one size; within it, order is by position.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from ml.readers.dicom import Opened, geometry
from ml.readers.dicom.geometry import SlicePosition


@dataclass(frozen=True, slots=True)
class Slice:
    """Frame `frame` of file `file`, both as indices."""

    file: int
    frame: int


@dataclass(frozen=True, slots=True)
class Stack:
    """Slices in viewing order.

    series: the UID in the files, "" if absent. spacing: mm between adjacent slices, None if unknown.
    orientation_letters: what lies at the left, right, upper and lower edge, None if unknown. notes: gaps, slices left
    out, and whether the order is only that of the files.
    """

    series: str
    slices: tuple[Slice, ...]
    spacing: float | None
    orientation_letters: tuple[str, str, str, str] | None
    notes: tuple[str, ...]


def stacks(files: Sequence[Opened]) -> list[Stack]:
    """The stacks of all files, in the order in which their first files were given.

    Files without a series stand alone, and so do slices of unlike size or direction.
    """
    groups: dict[tuple[object, ...], list[tuple[Slice, SlicePosition | None]]] = defaultdict(list)
    directions: dict[tuple[object, ...], list[SlicePosition]] = defaultdict(list)
    for number, file in enumerate(files):
        shape = int(file.dataset.Rows), int(file.dataset.Columns)
        name = file.series or number
        for frame, position in enumerate(file.positions):
            which = None if position is None else _direction(directions[name, shape], position)
            groups[name, shape, which].append((Slice(number, frame), position))
    return [_stack(files[found[0][0].file].series, found) for found in groups.values()]


def _direction(known: list[SlicePosition], position: SlicePosition) -> int:
    """Which of the known directions it has; a new one is added."""
    for index, other in enumerate(known):
        if geometry.parallel(position, other):
            return index
    known.append(position)
    return len(known) - 1


def _stack(series: str, found: list[tuple[Slice, SlicePosition | None]]) -> Stack:
    positions = [position for _, position in found if position is not None]
    if not positions:
        said = "The files do not say where the slices lie; they stand in the files' order."
        return Stack(series, tuple(one for one, _ in found), None, None, (said,) if len(found) > 1 else ())
    ordered = geometry.order_slices(positions)
    notes: tuple[str, ...] = ()
    if ordered.duplicates:
        notes += (f"Left out, as another slice lies in the same place: {len(ordered.duplicates)}.",)
    if ordered.gaps:
        notes += (f"Slices are missing in {ordered.gaps} {'place' if ordered.gaps == 1 else 'places'}.",)
    slices = tuple(found[index][0] for index in ordered.order)
    return Stack(series, slices, ordered.spacing, positions[0].orientation_letters, notes)
