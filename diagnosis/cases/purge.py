"""Deletes for good what has been in the trash long enough: rows first, in one transaction a case, then their files.

The names of the files are kept in the same transaction (`DiscardedFile`), so a process that dies between the two leaves
only files, which the next purge removes. The audit trail stays.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from diagnosis.access import audit
from diagnosis.cases.errors import CaseRefused
from diagnosis.cases.failures import Failures
from diagnosis.cases.locking import locked
from diagnosis.models import Case, DiscardedFile, Prediction, Review, Scan, Slice
from diagnosis.models.discarded_file import discard
from diagnosis.models.review import ReviewState
from diagnosis.reviews import transitions as review_transitions

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Purged:
    """scans: those of the cases included."""

    cases: int = 0
    scans: int = 0
    files: int = 0


def due_cases(now: datetime) -> QuerySet[Case]:
    """Cases whose time in the trash is over, and whose signed reviews need not be kept any longer."""
    old = Case.objects.filter(deleted__lte=now - timedelta(days=settings.TRASH_DAYS))
    return old.exclude(Exists(kept_reviews(now).filter(scan__case=OuterRef("pk")))).order_by("pk")


def due_scans(now: datetime) -> QuerySet[Scan]:
    """Scans that were deleted alone, and whose time is over likewise."""
    old = Scan.objects.filter(deleted__lte=now - timedelta(days=settings.TRASH_DAYS), case__deleted=None)
    return old.exclude(Exists(kept_reviews(now).filter(scan=OuterRef("pk")))).select_related("case").order_by("pk")


def kept_reviews(now: datetime) -> QuerySet[Review]:
    """Signed reviews that must not be deleted yet (SIGNED_REVIEW_DAYS)."""
    if not settings.SIGNED_REVIEW_DAYS:
        return Review.objects.none()
    since = now - timedelta(days=settings.SIGNED_REVIEW_DAYS)
    return Review.objects.filter(state=ReviewState.SIGNED, signed__gt=since)


def purge(failures: Failures | None = None) -> Purged:
    """Delete for good what is due, and the files that an earlier purge left behind. failures: where to note what cannot
    be deleted."""
    now, failures = timezone.now(), Failures() if failures is None else failures
    cases = scans = 0
    for case in due_cases(now):
        with failures.noted(f"case {case.pk}"):
            scans += _purge_case(case, now)
            cases += 1
    for scan in due_scans(now):
        with failures.noted(f"scan {scan.pk}"):
            scans += _purge_scan(scan, now)
    return Purged(cases, scans, delete_files())


def delete_files() -> int:
    """Delete the discarded files. One that the storage does not delete now is tried again by the next purge."""
    deleted = 0
    for row in DiscardedFile.objects.order_by("pk").iterator():
        try:
            default_storage.delete(row.name)
        except SoftTimeLimitExceeded:
            raise
        except Exception:  # storages raise errors of their own
            _log.exception("discarded file cannot be deleted", name=row.name)
            continue
        row.delete()
        deleted += 1
    return deleted


def _purge_case(case: Case, now: datetime) -> int:
    try:
        with transaction.atomic():
            [present] = locked(case)
            if not due_cases(now).filter(pk=case.pk).exists():  # restored meanwhile
                return 0
            facts = _delete_scans(list(present.scans.all()))
            audit.record_of_site("case.purged", target=present, owner=present.owner.get_username(), **facts)
            present.delete()
    except CaseRefused:  # another purge was faster
        return 0
    return len(facts["scans"])


def _purge_scan(scan: Scan, now: datetime) -> int:
    with transaction.atomic():
        [case] = locked(scan.case)
        if not due_scans(now).filter(pk=scan.pk).exists():
            return 0
        facts = _delete_scans([scan])
        audit.record_of_site("scan.purged", target=scan, case=case.reference, **facts)
    return 1


def _delete_scans(scans: list[Scan]) -> dict[str, Any]:
    """Delete scans with all that hangs on them. Returns what the audit row keeps of it."""
    ids = [scan.pk for scan in scans]
    # First, as reviews do: taken last, this lock and a review's could wait for each other.
    list(Scan.objects.select_for_update().filter(pk__in=ids).order_by("pk").values_list("pk"))
    reviews, predictions = Review.objects.filter(scan__in=ids), Prediction.objects.filter(scan__in=ids)
    facts = {
        "scans": ids,
        "predictions": list(predictions.order_by("pk").values_list("pk", flat=True)),
        "signed_reviews": list(reviews.filter(state=ReviewState.SIGNED).values_list("pk", flat=True)),
    }
    slices = Slice.objects.filter(scan__in=ids)
    names = {str(file.name) for scan in scans for file in (scan.file, scan.preview, scan.thumbnail)}
    names.update(name for row in slices.values_list("file", "preview", "thumbnail") for name in row if name)
    for scan in scans:
        review_transitions.forget(scan, actor=None, why="purged")
    predictions.delete()
    Scan.objects.filter(pk__in=ids).delete()
    discard(names)
    return facts
