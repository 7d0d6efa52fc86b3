"""Cases that nobody has touched for RETENTION_DAYS go to the trash by themselves, where they can still be restored."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from diagnosis.access import timeline
from diagnosis.cases import trash
from diagnosis.cases.errors import CaseRefused
from diagnosis.models import Case, Prediction, Scan


def expired(now: datetime) -> Iterator[Case]:
    """Cases without any activity since then: neither a scan nor a run, and nothing that the audit trail knows of them,
    such as a look at a result, a review, a note, or their being restored. None without RETENTION_DAYS.

    One by one, so that a run that the time limit ends has moved what it had found."""
    if not settings.RETENTION_DAYS:
        return
    since = now - timedelta(days=settings.RETENTION_DAYS)
    for case in _without_activity(since):
        if not timeline.all_events(case).filter(at__gt=since).exists():
            yield case


def expire() -> int:
    """Move expired cases to the trash. Returns their number."""
    moved = 0
    for case in expired(timezone.now()):
        try:
            trash.delete_case(case, actor=None)
        except CaseRefused:  # somebody deleted it meanwhile
            continue
        moved += 1
    return moved


def _without_activity(since: datetime) -> QuerySet[Case]:
    scans = Scan.objects.filter(case=OuterRef("pk"), created__gt=since)
    runs = Prediction.objects.filter(scan__case=OuterRef("pk"))
    old = Case.objects.filter(deleted=None, created__lte=since)
    return old.exclude(Exists(scans)).exclude(Exists(runs.filter(queued__gt=since))).order_by("pk")
