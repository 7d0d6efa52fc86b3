"""Which slices of several DICOM files belong together, and in which order.

One series (Series Instance UID) can hold several stacks: slices in three planes, or at several times. A stack has one
direction and one size; within it, order is by place.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from ml.readers.dicom import Opened, geometry
from ml.readers.dicom.geometry import Place


@dataclass(frozen=True, slots=True)
class Slice:
    """Frame `frame` of file `file`, both as indices."""

    file: int
    frame: int


@dataclass(frozen=True, slots=True)
class Stack:
    """Slices that are looked at one after another. series: the UID in the files, "" where absent. slices: in order.
    spacing: mm between neighbors, None where not known. letters: what lies at the left, right, upper and lower edge,
    None where not known. notes: on gaps, on slices left out, and on an order that is only that of the files."""

    series: str
    slices: tuple[Slice, ...]
    spacing: float | None
    letters: tuple[str, str, str, str] | None
    notes: tuple[str, ...]


def stacks(files: Sequence[Opened]) -> list[Stack]:
    """The stacks of all files, in the order in which their first files were given.

    Files without a series stand alone, and so do slices of unlike size or direction.
    """
    groups: dict[tuple[object, ...], list[tuple[Slice, Place | None]]] = defaultdict(list)
    directions: dict[tuple[object, ...], list[Place]] = defaultdict(list)
    for number, file in enumerate(files):
        shape = int(file.dataset.Rows), int(file.dataset.Columns)
        name = file.series or number
        for frame, place in enumerate(file.places):
            which = None if place is None else _direction(directions[name, shape], place)
            groups[name, shape, which].append((Slice(number, frame), place))
    return [_stack(files[found[0][0].file].series, found) for found in groups.values()]


def _direction(known: list[Place], place: Place) -> int:
    """Which of the known directions it has; a new one is added."""
    for index, other in enumerate(known):
        if geometry.parallel(place, other):
            return index
    known.append(place)
    return len(known) - 1


def _stack(series: str, found: list[tuple[Slice, Place | None]]) -> Stack:
    places = [place for _, place in found if place is not None]
    if not places:
        said = "The files do not say where the slices lie; they stand in the files' order."
        return Stack(series, tuple(one for one, _ in found), None, None, (said,) if len(found) > 1 else ())
    ordered = geometry.stack(places)
    notes: tuple[str, ...] = ()
    if ordered.duplicates:
        notes += (f"Left out, as another slice lies in the same place: {len(ordered.duplicates)}.",)
    if ordered.gaps:
        notes += (f"Slices are missing in {ordered.gaps} {'place' if ordered.gaps == 1 else 'places'}.",)
    slices = tuple(found[index][0] for index in ordered.order)
    return Stack(series, slices, ordered.spacing, places[0].letters, notes)
