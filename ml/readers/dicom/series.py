"""Which slices of several DICOM files belong together.

One series (Series Instance UID) can hold several stacks, such as slices in three planes. All slices of a stack have the
same direction and size; `slice_order` puts them into viewing order.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from ml.readers.dicom import Opened, slice_order
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
    """The stacks of all files, in the order of their first files. A file without a series makes stacks of its own."""
    groups: dict[tuple[object, ...], list[tuple[Slice, SlicePosition | None]]] = defaultdict(list)
    directions: dict[tuple[object, ...], list[SlicePosition]] = defaultdict(list)
    for number, file in enumerate(files):
        shape = int(file.dataset.Rows), int(file.dataset.Columns)
        series = file.series or number
        for frame, position in enumerate(file.positions):
            direction = None if position is None else _direction(directions[series, shape], position)
            groups[series, shape, direction].append((Slice(number, frame), position))
    return [_stack(files[members[0][0].file].series, members) for members in groups.values()]


def _direction(known: list[SlicePosition], position: SlicePosition) -> int:
    """The index of its direction among the known ones, to which a new one is added."""
    for index, other in enumerate(known):
        if slice_order.is_parallel(position.normal, other.normal):
            return index
    known.append(position)
    return len(known) - 1


def _stack(series: str, members: list[tuple[Slice, SlicePosition | None]]) -> Stack:
    positions = [position for _, position in members if position is not None]
    if not positions:
        note = "The files do not say where the slices lie; they stand in the files' order."
        return Stack(series, tuple(one for one, _ in members), None, None, (note,) if len(members) > 1 else ())
    ordered = slice_order.order_slices(positions)
    notes: tuple[str, ...] = ()
    if ordered.duplicates:
        notes += (f"Left out, as another slice lies in the same place: {len(ordered.duplicates)}.",)
    notes += slice_order.gaps_note(ordered.gaps)
    slices = tuple(members[index][0] for index in ordered.order)
    return Stack(series, slices, ordered.spacing, positions[0].orientation_letters, notes)
