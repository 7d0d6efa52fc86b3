"""Which slices form a stack, and in which order: the one rule for the frames of a file, the files of an archive, and
the slices that a site has collected one by one.

Slices of one size and direction make a stack, unless they are of two patients, studies or series that share a UID. If
several lie at the same location, `separation` tells the parts of the series apart, and each becomes a stack. Where
nothing tells them apart, the stack cannot be ordered, and none of its slices may be judged: any choice among them would
mix images that do not belong together.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ml.contracts import UnreadableImage
from ml.readers.dicom import slice_order
from ml.readers.dicom.geometry import SlicePosition
from ml.readers.dicom.separation import separate
from ml.readers.dicom.slice_facts import ADMINISTRATIVE, LABELS, SEQUENCES, SliceFacts
from ml.readers.orientation import plane_name

PART = "One part of a series that holds several, told apart by"
"""How the note on a part begins."""
OWNERS = ("PatientID", "StudyInstanceUID", "SeriesNumber")
"""What no series has two of (PS3.3, A.1.2): exports that give one Series Instance UID to several series exist."""
HASHED = "#"
"""First character of a value that stands for a text which may not be shown."""

Letters = tuple[str, str, str, str]
_Direction = tuple[tuple[int, int], bool, tuple[float, float, float], tuple[float, float, float]]


@dataclass(frozen=True, slots=True)
class Stack:
    """Slices in viewing order, as indices into what was assembled.

    spacing: mm between adjacent slices, None if unknown. orientation_letters: what lies at the left, right, upper and
    lower edge, None if unknown. normal: (3,) unit vector across the slices, None if unknown. key: what tells this part
    of the series from the others, "" if there is only one. notes: on gaps, spacing and order. problem: why its slices
    may not be judged, None if they may.
    """

    slices: tuple[int, ...]
    spacing: float | None = None
    orientation_letters: Letters | None = None
    normal: tuple[float, float, float] | None = None
    key: str = ""
    notes: tuple[str, ...] = ()
    problem: UnreadableImage | None = None

    @property
    def plane(self) -> str:
        """`axial`, `coronal` or `sagittal`; "" if unknown."""
        return plane_name("".join(self.orientation_letters or ()))


@dataclass(frozen=True, slots=True)
class Assembly:
    """stacks: in the order of their first slices. repeats: slices left out, each with the equal one that stays."""

    stacks: tuple[Stack, ...]
    repeats: dict[int, int] = field(default_factory=dict)


def assemble(facts: Sequence[SliceFacts], *, pixels: Callable[[int], str]) -> Assembly:
    """The stacks of one series. pixels: a digest of a slice's pixels, asked only where slices collide."""
    stacks: list[Stack] = []
    repeats: dict[int, int] = {}
    for members in _by_geometry(facts):
        offsets = _offsets([facts[index] for index in members])
        if offsets is None:
            note = ("The files do not say where the slices lie; they are in the files' order.",)
            stacks.append(Stack(tuple(members), notes=note if len(members) > 1 else ()))
            continue
        found = slice_order.locations(offsets, thickness=_thickness([facts[index] for index in members]))
        locations = dict(zip(members, found, strict=True))
        repeats |= _repeats(members, locations, facts, pixels)
        kept = [index for index in members if index not in repeats]
        stacks += _stacks(kept, locations, facts)
    return Assembly(tuple(sorted(stacks, key=lambda stack: min(stack.slices))), repeats)


def one_stack(facts: Sequence[SliceFacts], *, pixels: Sequence[str]) -> Stack:
    """Slices that `assemble` has put into one stack, in viewing order. pixels: a digest of each one's pixels."""
    stack = _ordered(range(len(facts)), facts)
    locations = slice_order.locations(_offsets(facts) or [], thickness=_thickness(facts))
    crowded = sum(
        count > 1 for count in Counter(location for location, _ in set(zip(locations, pixels, strict=True))).values()
    )
    return replace(stack, notes=(), problem=cannot_be_ordered(crowded)) if crowded else stack


def of_frames(facts: Sequence[SliceFacts], *, pixels: Callable[[int], str]) -> list[Stack]:
    """The stacks of one file's frames; what is left out of each is noted.

    Raises UnreadableImage with code `derived` if no frame shows anatomy.
    """
    kept, notes = anatomy(facts)
    found = assemble([facts[index] for index in kept], pixels=lambda index: pixels(kept[index]))
    if found.repeats:
        notes += (f"Left out, as the same image lies in the same location: {len(found.repeats)}.",)
    return [
        replace(
            stack,
            slices=tuple(kept[index] for index in stack.slices),
            notes=(*notes, *stack.notes, *part_notes(stack.key)),
        )
        for stack in found.stacks
    ]


def anatomy(facts: Sequence[SliceFacts]) -> tuple[list[int], tuple[str, ...]]:
    """The frames of a file that show anatomy, and a note on those that do not (`frame_type`).

    Raises UnreadableImage with code `derived` if none does.
    """
    kept = [index for index, one in enumerate(facts) if not one.not_anatomy]
    terms = Counter(one.not_anatomy for one in facts if one.not_anatomy)
    words = ", ".join(sorted(terms))
    if not kept:
        raise UnreadableImage("derived", f"Set aside: no frame shows anatomy (Frame Type, tag (0008,9007): {words}).")
    left = sum(terms.values())
    frames = "1 frame shows" if left == 1 else f"{left} frames show"
    note = f"Left out: {frames} no anatomy (Frame Type, tag (0008,9007): {words})."
    return kept, (note,) if terms else ()


def part_notes(key: str) -> tuple[str, ...]:
    """A note on what tells a part of a series from the others. key: a stack's, "" if it is the whole series."""
    words = key.split()
    if not words or words[0].rstrip(",") not in {*LABELS, *SEQUENCES}:
        return ()
    told = " ".join(word for word in words if not word.startswith(HASHED))
    return (f"{PART} {told}.",)


def _by_geometry(facts: Sequence[SliceFacts]) -> list[list[int]]:
    """Indices of slices of one size and direction. The directions do not depend on the order of the slices."""
    directions: dict[tuple[int, int], list[SlicePosition]] = defaultdict(list)
    numbers: dict[_Direction, int] = {}
    normals: dict[tuple[int, int], list[tuple[float, float, float]]] = defaultdict(list)
    for direction in sorted({found for one in facts if (found := _direction(one))}):
        size, is_turn_unknown, row, column = direction
        position = SlicePosition((0.0, 0.0, 0.0), row, column)
        near, across = directions[size], normals[size]
        # Compared all at once, as each frame of a radial acquisition has a direction of its own.
        parallel = slice_order.parallel(position.upward_normal, across)
        alike = (n for n in parallel if is_turn_unknown or slice_order.is_turned_alike(position, near[n]))
        numbers[direction] = next(alike, len(near))
        if numbers[direction] == len(near):
            near.append(position)
            across.append(position.upward_normal)
    groups: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for index, one in enumerate(facts):
        found = _direction(one)
        groups[one.size, found and numbers[found]].append(index)
    return list(groups.values())


def _direction(facts: SliceFacts) -> _Direction | None:
    """What tells a slice's direction; those whose turn is unknown come last, and join one that is known."""
    position = facts.position
    return None if position is None else (facts.size, not facts.turn_known, position.row, position.column)


def _offsets(facts: Sequence[SliceFacts]) -> list[float] | None:
    """Where slices of one direction lie: mm along their normal, else In-Stack Position Numbers, else None."""
    if facts[0].position is not None:
        normal = _normal(facts)
        positions = [one.position.position for one in facts if one.position]
        return [float(offset) for offset in np.array(positions) @ np.array(normal)]
    numbers = [one.in_stack for one in facts if one.in_stack is not None]
    return [float(number) for number in numbers] if len(numbers) == len(facts) else None


def _thickness(facts: Sequence[SliceFacts]) -> float | None:
    """mm of the thinnest of the slices; None if the files do not tell, or do not say where the slices lie."""
    found = [float(text) for one in facts if re.fullmatch(r"[\d.]*\d", text := one.labels.get("SliceThickness", ""))]
    return min(found, default=None) if facts[0].position is not None else None


def _normal(facts: Sequence[SliceFacts]) -> tuple[float, float, float]:
    return min(one.position.upward_normal for one in facts if one.position)


def _repeats(
    members: Sequence[int], locations: dict[int, int], facts: Sequence[SliceFacts], pixels: Callable[[int], str]
) -> dict[int, int]:
    """Slices that were there before: same location, pixels and attributes; with the same UID, attributes that people
    write may differ.

    Pixels alone do not tell: the blank slices at both ends of a head are the same in every part of a series. Nor does
    the UID with them, as exports with one UID for all images exist.
    """
    shared = {location for location, count in Counter(locations[index] for index in members).items() if count > 1}
    first: dict[tuple[int, str], list[int]] = defaultdict(list)
    repeats: dict[int, int] = {}
    for index in members:
        if locations[index] not in shared:
            continue
        there = first[locations[index], pixels(index)]
        equal = (one for one in there if _same_image(facts[one], facts[index]))
        if (known := next(equal, None)) is None:
            there.append(index)
        else:
            repeats[index] = known
    return repeats


def _same_image(one: SliceFacts, other: SliceFacts) -> bool:
    written = ADMINISTRATIVE if one.instance and one.instance == other.instance else frozenset()
    names = (one.labels.keys() | other.labels.keys()) - written
    return all(one.labels.get(name) == other.labels.get(name) for name in names)


def _stacks(members: Sequence[int], locations: dict[int, int], facts: Sequence[SliceFacts]) -> list[Stack]:
    """The stacks of slices with the same size and direction: those of each owner, where parts would mix owners."""
    together = _parts(members, locations, facts)
    names = [name for name in OWNERS if _differs(name, [facts[index] for index in members])]
    owners = {index: " ".join(facts[index].labels.get(name, "") for name in names) for index in members}
    if all(len({owners[index] for index in stack.slices}) == 1 for stack in together):
        return together
    owned: dict[str, list[int]] = defaultdict(list)
    for index, owner in owners.items():
        owned[owner].append(index)
    return [stack for owner, own in owned.items() for stack in _parts(own, locations, facts, by=names, owner=owner)]


def _differs(name: str, facts: Sequence[SliceFacts]) -> bool:
    """Whether the slices are of several owners. A study or number of its own for each slice tells nothing, as programs
    that write slices one by one make one up; people are never mixed."""
    given = [text for one in facts if (text := one.labels.get(name))]
    return len(set(given)) > 1 and (name == "PatientID" or len(set(given)) < len(given))


def _parts(
    members: Sequence[int],
    locations: dict[int, int],
    facts: Sequence[SliceFacts],
    *,
    by: Sequence[str] = (),
    owner: str = "",
) -> list[Stack]:
    """The stacks of slices that may be one. by: names of what tells their owner from others."""
    crowded = sum(count > 1 for count in Counter(locations[index] for index in members).values())
    if not crowded:
        return [replace(_ordered(members, facts), key=_key(by, owner))]
    found = separate([locations[index] for index in members], [facts[index] for index in members])
    if found is None:
        return [replace(_ordered(members, facts), key=_key(by, owner), notes=(), problem=cannot_be_ordered(crowded))]
    parts: dict[str, list[int]] = defaultdict(list)
    for index, key in zip(members, found.keys, strict=True):
        parts[key].append(index)
    return [replace(_ordered(part, facts), key=_key([*by, *found.by], owner, key)) for key, part in parts.items()]


def _key(by: Sequence[str], *values: str) -> str:
    return " ".join(filter(None, [", ".join(by), *values]))


def cannot_be_ordered(locations: int) -> UnreadableImage:
    """locations: how many hold more than one slice."""
    where = "1 location holds" if locations == 1 else f"{locations} locations hold"
    return UnreadableImage(
        "cannot_be_ordered",
        f"The slices cannot be ordered: {where} more than one, and nothing tells them apart (echo time, b-value, flip "
        "angle, Acquisition Number (0020,0012), times and Instance Number (0020,0013) were compared). None is judged.",
    )


def _ordered(members: Sequence[int], facts: Sequence[SliceFacts]) -> Stack:
    own = [facts[index] for index in members]
    offsets = _offsets(own) or []
    order = slice_order.viewing_order(offsets)
    slices = tuple(members[at] for at in order)
    first = facts[slices[0]].position
    if first is None:
        note = "The files do not say where the slices lie; they are ordered by In-Stack Position Number (0020,9057)."
        return Stack(slices, notes=(note,))
    ordered = [offsets[at] for at in order]
    return Stack(
        slices,
        spacing=slice_order.usual_spacing(ordered),
        orientation_letters=first.orientation_letters,
        normal=_normal(own),
        notes=slice_order.spacing_notes(ordered),
    )
