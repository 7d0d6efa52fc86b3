"""Series assembly: a slice that comes in a file of its own finds the scan that it belongs to.

Slices belong together if they share series, stack (size and contrast, see `ml.readers.dicom.description.stack_key`) and
direction, and no two lie at the same position; a second slice at a position starts another scan of the series. The run
starts once no slice has arrived for a moment, and a slice that arrives later opens it again.

How the slices of a scan are ordered is decided when the run starts: see `diagnosis.inference.series`.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import F
from django.utils import timezone

from diagnosis.access.users import User
from diagnosis.inference import transitions
from diagnosis.intake.decoded import Decoded
from diagnosis.models import Prediction, Scan, Slice
from ml.contracts import UnreadableImage
from ml.readers.dicom import slice_order
from ml.readers.dicom.geometry import SlicePosition
from ml.readers.dicom.slice_order import SAME_POSITION

DEBOUNCE = timedelta(seconds=2)
"""How long a run waits after the last slice. Files of one upload arrive within tenths of a second of each other."""

MAX_SLICES = 2_000
"""Slices of one scan; a single file may hold as many."""


@dataclass(frozen=True, slots=True)
class SeriesMatch:
    """Where a slice belongs. With neither `same_slice` nor `scan`, it starts a new scan.

    same_slice: the slice was uploaded before. scan: it extends this one. other_case: its series in another case.
    """

    same_slice: Slice | None = None
    scan: Scan | None = None
    other_case: Scan | None = None


def match(decoded: Decoded, *, user: User, reference: str) -> SeriesMatch:
    """Where a slice belongs among the scans of `user`, or among those of one case if `reference` names one.

    Raises UnreadableImage with code `too_many_frames`.
    """
    position = decoded.position
    assert position is not None
    scans = Scan.objects.filter(case__owner=user, series_uid=decoded.series, stack=decoded.stack)
    same_stack = [scan for scan in scans.select_related("case").order_by("id") if _is_parallel(scan, position)]
    here = [scan for scan in same_stack if not reference or scan.case.reference == reference]
    other_case = next((scan for scan in same_stack if scan not in here), None)
    slices = Slice.objects.filter(scan__in=here).select_related("scan__case")
    if known := slices.filter(instance_uid=decoded.instance).first():
        return SeriesMatch(same_slice=known)
    [rendered] = decoded.slices
    for scan in here:
        mm = along(position, scan=scan)
        near = slices.filter(scan=scan, along__gt=mm - SAME_POSITION, along__lt=mm + SAME_POSITION).first()
        if near is None:
            if scan.frames >= MAX_SLICES:
                raise UnreadableImage("too_many_frames", f"The series has more than {MAX_SLICES:,} slices.")
            return SeriesMatch(scan=scan)
        if near.pixel_sha256 == rendered.pixel_sha256:
            return SeriesMatch(same_slice=near)
        # Another contrast or time at the same position: try the next scan of the series.
    return SeriesMatch(other_case=other_case)


def along(position: SlicePosition, *, scan: Scan) -> float:
    """Millimeters along the scan's normal."""
    assert scan.normal is not None
    return slice_order.offset_along(scan.normal, position)


def count_slice(scan: Scan, *, size: int) -> None:
    """Add a slice of `size` bytes to the scan's totals."""
    Scan.objects.filter(pk=scan.pk).update(frames=F("frames") + 1, size=F("size") + size)
    scan.refresh_from_db(fields=["frames", "size"])


def extend_run(prediction: Prediction, *, actor: User) -> None:
    """A slice arrived: a queued run waits a moment longer, a running one will read it, an ended one opens again."""
    not_before = timezone.now() + DEBOUNCE
    if not transitions.postpone(prediction, until=not_before):
        transitions.reopen(prediction, actor=actor, not_before=not_before)


def _is_parallel(scan: Scan, position: SlicePosition) -> bool:
    return scan.normal is not None and slice_order.is_parallel(scan.normal, position.upward_normal)
