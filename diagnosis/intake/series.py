"""Slices that come file by file find the series they belong to.

They belong together if they share series, size, contrast (see `ml.readers.dicom.description.stack_key`) and direction,
and no two lie in the same place: what finds its place taken begins another scan of the series. A run starts when
nothing has come for a moment; what comes later opens it again.
"""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from django.db.models import F
from django.utils import timezone

from diagnosis.access.users import User
from diagnosis.inference import transitions
from diagnosis.intake.decoding import Decoded
from diagnosis.models import Prediction, Scan, Slice
from ml.contracts import UnreadableImage
from ml.readers.dicom.geometry import PARALLEL, SAME_POSITION, SlicePosition

DEBOUNCE = timedelta(seconds=2)
"""After the last slice. Files of one upload follow each other within tenths of a second."""

MAX_SLICES = 2_000
"""Slices that one scan may gather, as many as one file may hold."""


@dataclass(frozen=True, slots=True)
class Found:
    """slice: the same one, here before. scan: which it belongs to. elsewhere: the same series in another case."""

    slice: Slice | None = None
    scan: Scan | None = None
    elsewhere: Scan | None = None


def look_up(decoded: Decoded, *, user: User, reference: str) -> Found:
    """Where a slice belongs among the scans of `user`, in the case called `reference` if one is named.

    Raises UnreadableImage with code `too_many_frames`.
    """
    place = decoded.place
    assert place is not None
    scans = Scan.objects.filter(case__owner=user, series_uid=decoded.series, stack=decoded.gathers)
    alike = [scan for scan in scans.select_related("case").order_by("id") if _parallel(scan, place)]
    here = [scan for scan in alike if not reference or scan.case.reference == reference]
    elsewhere = next((scan for scan in alike if scan not in here), None)
    [picture] = decoded.pictures
    slices = Slice.objects.filter(scan__in=here).select_related("scan__case")
    if known := slices.filter(instance_uid=decoded.instance).first():
        return Found(slice=known)
    for scan in here:  # several contrasts or times may lie in one place; each is a scan of its own
        where = along(place, scan)
        near = slices.filter(scan=scan, along__gt=where - SAME_POSITION, along__lt=where + SAME_POSITION).first()
        if near is not None and near.pixel_sha256 == picture.pixel_sha256:
            return Found(slice=near)
        if near is None:
            if scan.frames >= MAX_SLICES:
                raise UnreadableImage("too_many_frames", f"The series has more than {MAX_SLICES:,} slices.")
            return Found(scan=scan)
    return Found(elsewhere=elsewhere)


def along(place: SlicePosition, scan: Scan) -> float:
    """Millimeters along the scan's normal."""
    assert scan.normal is not None
    return float(np.dot(place.position, scan.normal))


def count(scan: Scan, *, size: int) -> None:
    """One slice more, of `size` bytes."""
    Scan.objects.filter(pk=scan.pk).update(frames=F("frames") + 1, size=F("size") + size)
    scan.refresh_from_db(fields=["frames", "size"])


def wait(prediction: Prediction, *, actor: User) -> None:
    """A slice has come: a run that waits does so a moment longer, one that runs will find it, and one that has ended is
    opened again."""
    later = timezone.now() + DEBOUNCE
    if not transitions.postpone(prediction, until=later):
        transitions.reopen(prediction, actor=actor, not_before=later)


def _parallel(scan: Scan, place: SlicePosition) -> bool:
    return scan.normal is not None and abs(float(np.dot(scan.normal, place.upward_normal))) > PARALLEL
