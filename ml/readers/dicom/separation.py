"""Telling apart the parts of a series whose slices collide: several lie at the same location, and each part has one.

Of all attributes that give every part each location at most once, the one with the fewest parts is taken; of these the
first in `LABELS`. Where no single one does, two or three together are tried, then all. Where none does, the slices are
cut where time or Instance Number starts over. The answer depends on the set of slices alone, never on their order.
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from ml.readers.dicom.slice_facts import LABELS, SEQUENCES, SliceFacts

_TOGETHER = (1, 2, 3)
"""How many attributes are tried together."""
_MAX_ATTRIBUTES = 16
"""Attributes that are tried together: of more, those that come first."""
_CLEAR_GAP = 2.0
"""A cut that could be in several places is where the gap is this many times the next largest."""

_Values = tuple[Hashable, ...]


@dataclass(frozen=True, slots=True)
class Separation:
    """by: names of the attributes. keys: of each slice, the part that it belongs to, such as `2` or `1000 0.7`."""

    by: tuple[str, ...]
    keys: tuple[str, ...]


def separate(locations: Sequence[int], facts: Sequence[SliceFacts]) -> Separation | None:
    """Tell slices apart that share a location; None if nothing does. locations: equal where slices collide."""
    columns = _columns(facts)
    crowded = max(Counter(locations).values())
    for size in _TOGETHER:
        if found := _fewest(locations, columns, size, crowded):
            return found
    if len(columns) > max(_TOGETHER):
        found = _combined(columns, tuple(columns))
        if _tells(locations, found.keys, found.by, crowded):
            return found
    return _by_sequence(locations, facts, crowded)


def _columns(facts: Sequence[SliceFacts]) -> dict[str, _Values]:
    """The values of each attribute that varies, the most telling first, without those that tell the same as another."""
    names = [*LABELS, *sorted({name for one in facts for name in one.labels} - LABELS.keys())]
    columns: dict[str, _Values] = {name: tuple(one.labels.get(name, "") for one in facts) for name in names}
    columns |= {
        name: tuple("" if (at := one.sequence.get(name)) is None else f"{at:.3f}" for one in facts)
        for name in SEQUENCES
    }
    seen: set[_Values] = set()
    kept: dict[str, _Values] = {}
    for name, values in columns.items():
        pattern = _pattern(values)
        if len(set(values)) > 1 and pattern not in seen:
            seen.add(pattern)
            kept[name] = values
    return kept


def _pattern(values: _Values) -> _Values:
    """The same for two columns that make the same parts."""
    first: dict[Hashable, int] = {}
    return tuple(first.setdefault(value, len(first)) for value in values)


def _fewest(locations: Sequence[int], columns: dict[str, _Values], size: int, crowded: int) -> Separation | None:
    names = list(columns) if size == 1 else [name for name in columns if name not in SEQUENCES][:_MAX_ATTRIBUTES]
    found = [_combined(columns, chosen) for chosen in combinations(names, size)]
    telling = [one for one in found if _tells(locations, one.keys, one.by, crowded)]
    return min(telling, key=lambda one: len(set(one.keys)), default=None)


def _combined(columns: dict[str, _Values], names: tuple[str, ...]) -> Separation:
    return Separation(names, tuple(" ".join(map(str, row)) for row in zip(*(columns[n] for n in names), strict=True)))


def _tells(locations: Sequence[int], keys: Sequence[str], by: tuple[str, ...], crowded: int) -> bool:
    """Whether every part has each location at most once, without falling apart into single slices.

    Times and numbers that each slice has for itself separate everything; they count only where they make no more parts
    than slices share a location. So does any attribute whose values all differ, of slices at three locations or more.
    """
    if len(set(zip(locations, keys, strict=True))) < len(locations):
        return False
    parts = len(set(keys))
    if any(name in SEQUENCES for name in by):
        return parts <= crowded
    return parts < len(locations) or len(set(locations)) < 3


def _by_sequence(locations: Sequence[int], facts: Sequence[SliceFacts], crowded: int) -> Separation | None:
    """Parts that were acquired, or numbered, one after the other."""
    for name in SEQUENCES:
        values = [one.sequence.get(name) for one in facts]
        given = [value for value in values if value is not None]
        if len(given) < len(values):
            continue
        order = sorted(range(len(values)), key=lambda index: (given[index], locations[index]))
        cuts = _cuts([locations[index] for index in order], [given[index] for index in order], crowded)
        if cuts is None:
            continue
        keys = [""] * len(values)
        for at, index in enumerate(order):
            keys[index] = str(sum(cut <= at for cut in cuts) + 1)
        return Separation((name,), tuple(keys))
    return None


def _cuts(locations: Sequence[int], values: Sequence[float], crowded: int) -> list[int] | None:
    """Where to cut a sequence into `crowded` runs without a location twice; None if it takes more, or is not clear.

    Each cut lies between the earliest and the latest index where it could be. If these differ, the gap must be clear.
    """
    latest = _greedy(locations)
    earliest = sorted(len(locations) - cut for cut in _greedy(locations[::-1]))
    if len(latest) != crowded - 1:
        return None
    cuts = []
    for first, last in zip(earliest, latest, strict=True):
        gaps = sorted(((values[at] - values[at - 1], at) for at in range(first, last + 1)), reverse=True)
        if gaps[0][0] <= 0 or (len(gaps) > 1 and gaps[0][0] < _CLEAR_GAP * gaps[1][0]):
            return None
        cuts.append(gaps[0][1])
    starts = [0, *cuts, len(locations)]
    runs = [locations[start:end] for start, end in pairwise(starts)]
    return cuts if all(len(set(run)) == len(run) for run in runs) else None


def _greedy(locations: Sequence[int]) -> list[int]:
    """Where a new run begins, if each is as long as it can be."""
    cuts: list[int] = []
    run: set[int] = set()
    for at, location in enumerate(locations):
        if location in run:
            cuts.append(at)
            run = set()
        run.add(location)
    return cuts
