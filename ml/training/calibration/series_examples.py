"""Series with a known answer, cut from the whole series of a table.

A whole series is one. A hospital's may have fewer or thicker slices, or show only a part of the head, and the answer
must not depend on that; so every second, third … slice makes a series too, and so do the thirds of a healthy head: neck
and skull base, middle, vertex. The stretches of a tumor patient's head that lie apart from the tumor are heads without
one, of the same scanners and sequences as those with.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ml.inference.series_summary import MIN_CERTAIN
from ml.training.data.series_table import WholeSeries

WHOLE, THINNED, FREE, PART = "whole", "every n-th slice", "without the tumor", "part of a head"
VARIANTS = (WHOLE, THINNED, FREE, PART)
STEPS = (2, 3, 4, 6, 9)
"""A thinned series keeps every second, third … slice; the last makes 18 mm of 2 mm slices."""
MIN_GAP = 2
"""Slices between the tumor and a stretch without it: its edge may show beyond the slices that a mask marks."""
PARTS = 3


@dataclass(frozen=True, slots=True)
class Example:
    """Some slices of a series, in their order, and whether they show a tumor.

    slices: indices in the whole series. variant: one of VARIANTS. weight: in a fit, where every patient counts the same
    in either class, and each variant of a patient the same; of those without a tumor, healthy heads count as much in
    all as the stretches apart from a tumor.
    """

    series: WholeSeries
    slices: tuple[int, ...]
    tumor: bool
    variant: str
    weight: float = 1.0

    @property
    def subject(self) -> str:
        return self.series.subject


def examples(series: Sequence[WholeSeries]) -> list[Example]:
    """The examples of whole series, each of at least MIN_CERTAIN slices: fewer decide nothing for certain."""
    found = [
        example for one in series for example in (*_whole(one), *_parts(one)) if len(example.slices) >= MIN_CERTAIN
    ]
    sizes = Counter((one.subject, one.tumor, one.variant) for one in found)
    variants = Counter((subject, tumor) for subject, tumor, _ in sizes)
    free, healthy = (
        len({one.subject for one in found if not one.tumor and _is_free(one) == wanted}) for wanted in (True, False)
    )
    weighted = []
    for one in found:
        weight = 1 / variants[one.subject, one.tumor] / sizes[one.subject, one.tumor, one.variant]
        if not one.tumor and free and healthy:
            weight *= (free + healthy) / 2 / (free if _is_free(one) else healthy)
        weighted.append(replace(one, weight=weight))
    return weighted


def _is_free(one: Example) -> bool:
    return one.variant == FREE


def _whole(one: WholeSeries) -> Iterator[Example]:
    """The series, and its thinned copies that still show the tumor, if it has one."""
    count = len(one.slices)
    yield Example(one, tuple(range(count)), one.tumor, WHOLE)
    for step in STEPS:
        kept = tuple(range(step // 2, count, step))
        if not one.tumor or set(kept) & set(one.tumor_slices):
            yield Example(one, kept, one.tumor, THINNED)


def _parts(one: WholeSeries) -> Iterator[Example]:
    """Stretches without a tumor: of a patient with one, those apart from it; else thirds of the head."""
    count = len(one.slices)
    if not one.tumor:
        for part in np.array_split(np.arange(count), PARTS):
            yield Example(one, tuple(part.tolist()), False, PART)
        return
    if not one.tumor_slices:  # somewhere, but nobody marked where
        return
    ill = np.array(one.tumor_slices)
    free = np.array([np.abs(ill - index).min() > MIN_GAP for index in range(count)])
    edges = np.flatnonzero(np.diff(np.r_[False, free, False].astype(int)))
    for first, last in edges.reshape(-1, 2):
        yield Example(one, tuple(range(first, last)), False, FREE)
