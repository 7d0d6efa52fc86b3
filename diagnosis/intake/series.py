"""Series assembly: which scans the slices of an upload make, together with the slices that came before.

`ml.readers.dicom.series` alone decides which slices form a stack; here its stacks are matched with the scans that are
there. So the scans depend on the set of slices, never on their order or on how many uploads brought them: a slice that
shows that a scan holds two parts of a series moves out of it, and no other scan changes.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from diagnosis.access.users import User
from diagnosis.inference.series import facts_of
from diagnosis.intake import rejections
from diagnosis.intake.held_slices import HeldSlice
from diagnosis.models import Scan, Slice
from ml.readers.dicom import series
from ml.readers.dicom.series import Stack
from ml.readers.dicom.slice_facts import SliceFacts

DEBOUNCE = timedelta(seconds=2)
"""How long a run waits after the last slice. Files of one upload arrive within tenths of a second of each other."""

MAX_SLICES = 2_000
"""Slices of one scan; a single file may hold as many."""


@dataclass(frozen=True, slots=True)
class Part:
    """One stack of the series, and what happens to its scan.

    scan: the one that it continues, None if it needs a new one. rows: its slices that are stored already. arrived:
    those that are new. repeated: files of this upload that show slices which were there before. left: rows of `scan`
    that belong to other parts now.
    """

    stack: Stack
    scan: Scan | None
    rows: tuple[Slice, ...]
    arrived: tuple[HeldSlice, ...]
    repeated: tuple[HeldSlice, ...]
    left: tuple[Slice, ...]

    @property
    def incoming(self) -> tuple[Slice, ...]:
        """The `rows` that come from other scans."""
        return tuple(row for row in self.rows if self.scan is None or row.scan_id != self.scan.pk)

    @property
    def changes(self) -> bool:
        """Whether its scan gets or loses slices."""
        return bool(self.arrived or self.incoming or self.left)


@dataclass(frozen=True, slots=True)
class Plan:
    """parts: of the whole series. emptied: scans of which no slice stays."""

    parts: tuple[Part, ...]
    emptied: tuple[Scan, ...]


def plan(arrived: Sequence[HeldSlice], *, user: User) -> Plan:
    """What slices of one series and size make of the scans of `user`, or of those of the case that they name."""
    scans, rows = _stored(arrived, user)
    by_scan = {scan.pk: scan for scan in scans}
    facts = [facts_of(row, scan=by_scan[row.scan_id]) for row in rows] + [one.facts for one in arrived]
    facts = _with_exact_names(facts, [index for index, row in enumerate(rows) if _is_rounded(row)])
    digests = [row.pixel_sha256 for row in rows] + [one.pixel_sha256 for one in arrived]
    found = series.assemble(facts, pixels=digests.__getitem__)
    repeated: dict[int, list[int]] = defaultdict(list)
    for index, original in found.repeats.items():
        repeated[original].append(index)
    continued = _continued_scans(found.stacks, rows, scans)
    parts = []
    for stack, scan in zip(found.stacks, continued, strict=True):
        again = [index for original in stack.slices for index in repeated[original]]
        members = sorted([*stack.slices, *(index for index in again if index < len(rows))])
        own = tuple(rows[index] for index in members if index < len(rows))
        parts.append(
            Part(
                stack,
                scan,
                own,
                arrived=tuple(arrived[index - len(rows)] for index in members if index >= len(rows)),
                repeated=tuple(arrived[index - len(rows)] for index in sorted(again) if index >= len(rows)),
                left=tuple(row for row in rows if scan and row.scan_id == scan.pk and row not in own),
            )
        )
    return Plan(tuple(parts), tuple(scan for scan in scans if scan not in continued))


def _stored(arrived: Sequence[HeldSlice], user: User) -> tuple[list[Scan], list[Slice]]:
    """The scans of this series in one case, and their slices, each in the order in which they came.

    If no case is named and several hold the series, it is the one that knows most of the slices; of these the oldest. A
    case that knows only other people's slices, and none of these, is none of them: exports with one UID for many series
    exist.
    What lies in the trash counts for nothing, but its case takes no slice of the same series: raises UnreadableImage.
    """
    first = arrived[0]
    columns, rows = first.facts.size
    scans = Scan.objects.filter(case__owner=user, series_uid=first.decoded.series, width=columns, height=rows)
    if first.reference:
        scans = scans.filter(case__reference=first.reference)
    everything = list(scans.exclude(stack="").select_related("case__owner").order_by("id"))
    found = [scan for scan in everything if not scan.in_trash]
    slices = list(Slice.objects.filter(scan__in=found).order_by("id")) if found else []
    cases = {scan.pk: scan.case_id for scan in found}
    digests = {one.pixel_sha256 for one in arrived}
    matches = Counter(cases[row.scan_id] for row in slices if row.pixel_sha256 in digests)
    people = {one.facts.labels.get("PatientID") for one in arrived}
    studies = {one.facts.labels.get("StudyInstanceUID") for one in arrived} - {None}
    again = {(one.decoded.instance, one.pixel_sha256) for one in arrived}
    open_to = {
        cases[row.scan_id]
        for row in slices
        if first.reference or (row.instance_uid, row.pixel_sha256) in again or _may_be_of(row, people, studies)
    }
    chosen = max((case for case in cases.values() if case in open_to), key=lambda case: matches[case], default=None)
    deleted = (scan for scan in everything if scan.in_trash and (first.reference or scan.case_id == chosen))
    if (there := next(deleted, None)) is not None:
        raise rejections.in_trash(there)
    return (
        [scan for scan in found if scan.case_id == chosen],
        [row for row in slices if cases[row.scan_id] == chosen],
    )


def _may_be_of(row: Slice, people: Collection[str | None], studies: Collection[str | None]) -> bool:
    """Whether a slice may be of one of these people, given as the hashes of their Patient IDs; None is somebody. Of one
    whose ID was rounded, the study decides."""
    labels = (row.facts or {}).get("labels", {})
    known = labels.get("PatientID")
    rounded = _is_rounded(row) and labels.get("StudyInstanceUID") in studies
    return known is None or None in people or known in people or rounded


def _is_rounded(row: Slice) -> bool:
    """Whether an earlier version stored what is known of a slice, which rounded numbers that are names."""
    return row.facts is not None and "exact" not in row.facts


def _with_exact_names(facts: Sequence[SliceFacts], rounded: Collection[int]) -> list[SliceFacts]:
    """The facts, in which slices whose names were rounded have those of the other slices of their study, where each
    side has only one. rounded: their indices."""
    found = list(facts)
    names: dict[tuple[str, str, bool], set[str]] = defaultdict(set)
    for index, one in enumerate(facts):
        for name in _ROUNDED & one.labels.keys():
            names[one.labels.get("StudyInstanceUID", ""), name, index in rounded].add(one.labels[name])
    for index in rounded:
        labels = dict(facts[index].labels)
        study = labels.get("StudyInstanceUID", "")
        for name in _ROUNDED & labels.keys():
            exact = names[study, name, False]
            if study and len(exact) == len(names[study, name, True]) == 1:
                labels[name] = next(iter(exact))
        found[index] = replace(facts[index], labels=labels)
    return found


_ROUNDED = {"PatientID", "SeriesNumber"}


def _continued_scans(stacks: Sequence[Stack], rows: Sequence[Slice], scans: Sequence[Scan]) -> list[Scan | None]:
    """The scan that each stack continues: where most of its slices are already; of these the oldest."""
    shared = Counter(
        (number, rows[index].scan_id)
        for number, stack in enumerate(stacks)
        for index in stack.slices
        if index < len(rows)
    )
    continued: dict[int, Scan] = {}
    by_pk = {scan.pk: scan for scan in scans}
    for (number, scan_id), _ in sorted(shared.items(), key=lambda item: (-item[1], item[0][1], item[0][0])):
        if number not in continued and scan_id in by_pk:
            continued[number] = by_pk.pop(scan_id)
    return [continued.get(number) for number in range(len(stacks))]
