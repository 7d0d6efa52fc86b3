"""Rows that contradict each other: copies that differ from their source, and counts that are wrong.

What the database's constraints rule out is not checked again.
"""

from collections.abc import Iterator
from functools import partial

from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q, QuerySet

from diagnosis.inference import model_versions, transitions
from diagnosis.integrity.findings import Finding, found
from diagnosis.models import Embedding, Prediction, Review, Scan, Slice, SliceResult
from diagnosis.models.prediction import ACTIVE, REUSABLE, State
from diagnosis.reviews import consensus

_DELETED = Q(scan__deleted__isnull=False) | Q(scan__case__deleted__isnull=False)


def check() -> Iterator[Finding]:
    """Findings on states; see the package."""
    yield from _copies()
    yield from _lost_work()
    yield from _series()
    yield from _results()
    yield from _readings()


def _copies() -> Iterator[Finding]:
    differs = (
        ~Q(owner=F("scan__case__owner"))
        | ~Q(owner_name=F("scan__case__owner__username"))
        | ~Q(case_reference=F("scan__case__reference"))
        | ~Q(scan_name=F("scan__name"))
        | (Q(in_trash=False) & _DELETED)
        | (Q(in_trash=True) & ~_DELETED)
    )
    wrong = list(Prediction.objects.filter(differs).values_list("pk", flat=True))
    says = "A prediction's copies of owner, case, name or trash differ from its scan's, so the wrong people may see it."
    yield from found("copy_differs", says, wrong, partial(_copy_again, wrong))


def _copy_again(ids: list[int]) -> int:
    for row in Prediction.objects.filter(pk__in=ids).select_related("scan__case__owner"):
        right = Prediction.for_scan(row.scan)
        Prediction.objects.filter(pk=row.pk).update(
            owner=right.owner,
            owner_name=right.owner_name,
            case_reference=right.case_reference,
            scan_name=right.scan_name,
            in_trash=right.in_trash,
        )
    return len(ids)


def _lost_work() -> Iterator[Finding]:
    none = list(Scan.objects.filter(predictions=None).values_list("pk", flat=True))
    yield from found("scan_without_prediction", "A scan was never queued.", none, partial(_queue, none))
    running = Prediction.objects.filter(state=State.RUNNING)
    stopped = running.filter(Q(started=None) | Q(attempts=0)).values_list("pk", flat=True)
    yield from found("running_unclaimed", "A prediction is running, but no worker has claimed it.", list(stopped))


def _queue(ids: list[int]) -> int:
    version = model_versions.active()
    for scan in Scan.objects.filter(pk__in=ids).select_related("case__owner"):
        transitions.create(scan, model_version=version, requested_by=scan.case.owner)
    return len(ids)


def _series() -> Iterator[Finding]:
    """A series has a row for each slice. While a run is active, it may still be numbering them."""
    counted = Scan.objects.annotate(rows=Count("slices"), first=Min("slices__index"), last=Max("slices__index"))
    wrong = counted.filter(Q(rows=0, frames__gt=1) | Q(rows__gt=0) & ~Q(rows=F("frames")))
    says = "A series does not have as many slices as its scan says."
    yield from found("slice_count", says, list(wrong.values_list("pk", flat=True)))
    judged = Exists(Prediction.objects.filter(scan=OuterRef("pk"), state__in=REUSABLE))
    active = Exists(Prediction.objects.filter(scan=OuterRef("pk"), state__in=ACTIVE))
    gaps = counted.filter(judged, ~active, rows__gt=0).exclude(first=0, last=F("frames") - 1)
    says = "The slices of a judged series are not numbered from 0 without a gap."
    yield from found("slice_order", says, list(gaps.values_list("pk", flat=True)))
    alone = Slice.objects.filter(Q(file=""), scan__frames=1).values_list("pk", flat=True)
    yield from found("slice_alone", "A scan of a single image has a slice row.", list(alone))


def _results() -> Iterator[Finding]:
    done = Prediction.objects.filter(state=State.DONE, scan__slices__isnull=False, reused_from=None).distinct()
    wrong = done.annotate(rows=Count("slice_results", distinct=True)).filter(~Q(rows=F("progress")))
    says = "A series' result does not cover as many slices as there are slice results."
    yield from found("slice_results", says, list(wrong.values_list("pk", flat=True)))
    foreign: QuerySet[SliceResult] = SliceResult.objects.exclude(slice__scan=F("prediction__scan"))
    foreign = foreign.exclude(prediction__state__in=ACTIVE)
    says = "A slice result belongs to a slice that has moved to another scan."
    ids = list(foreign.values_list("pk", flat=True))
    yield from found("result_of_other_scan", says, ids, lambda: _deleted(SliceResult.objects.filter(pk__in=ids)))
    early = Embedding.objects.exclude(prediction__state__in=REUSABLE)
    numbers = list(early.values_list("pk", flat=True))
    says = "A prediction without a result can be found as a similar scan."
    yield from found("embedding_early", says, numbers, lambda: _deleted(Embedding.objects.filter(pk__in=numbers)))
    key = Prediction.objects.filter(key_slice__isnull=False).exclude(key_slice__scan=F("scan"))
    keys = list(key.values_list("pk", flat=True))
    says = "A result's most telling slice belongs to another scan."
    yield from found("key_slice", says, keys, lambda: Prediction.objects.filter(pk__in=keys).update(key_slice=None))


def _deleted(rows: QuerySet[SliceResult] | QuerySet[Embedding]) -> int:
    return rows.delete()[0]


def _readings() -> Iterator[Finding]:
    read = Scan.objects.filter(Exists(Review.objects.filter(scan=OuterRef("pk"))))
    wrong = [scan for scan in read.iterator() if consensus.of_scan(scan).reading != scan.reading]
    unread = Scan.objects.exclude(reading="unread").exclude(Exists(Review.objects.filter(scan=OuterRef("pk"))))
    wrong += list(unread)
    says = "A scan's review state differs from what its reviews say."
    yield from found("reading_differs", says, [scan.pk for scan in wrong], partial(_refresh, wrong))


def _refresh(scans: list[Scan]) -> int:
    for scan in scans:
        consensus.refresh(scan)
    return len(scans)
