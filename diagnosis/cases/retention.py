"""Cases that nobody has touched for RETENTION_DAYS go to the trash by themselves, where they can still be restored."""

import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from diagnosis.access import timeline
from diagnosis.cases import trash
from diagnosis.cases.errors import CaseRefused
from diagnosis.cases.failures import Failures
from diagnosis.cases.locking import locked
from diagnosis.models import Case, Prediction, Scan


def expired(now: datetime, *, first: int = 0) -> Iterator[Case]:
    """Cases without any activity since then: neither a scan nor a run, and nothing that the audit trail knows of them,
    such as a look at a result, a review, a note, or their being restored. None without RETENTION_DAYS.

    One by one, so that a run that the time limit ends has moved what it had found. first: any number; it says at which
    of the old cases to begin."""
    if settings.RETENTION_DAYS:
        since = _since(now)
        old = list(_without_activity(since))
        begin = first % len(old) if old else 0
        yield from (case for case in old[begin:] + old[:begin] if not _has_events(case, since))


def expire(failures: Failures | None = None) -> int:
    """Move expired cases to the trash. Returns their number. failures: where to note what cannot be moved.

    Each run begins elsewhere: one that the time limit ends would else look at the same old cases hour after hour, and
    never at those behind them."""
    now, failures = timezone.now(), Failures() if failures is None else failures
    count = 0
    for case in expired(now, first=secrets.randbelow(2**31)):
        with failures.noted(f"case {case.pk}"):
            count += _expire(case, _since(now))
    return count


def _expire(case: Case, since: datetime) -> bool:
    """False if somebody has deleted it meanwhile, or done anything else with it."""
    try:
        with transaction.atomic():
            locked(case)  # after an upload that is under way
            if _has_events(case, since) or not _without_activity(since).filter(pk=case.pk).exists():
                return False
            trash.delete_case(case, actor=None)
    except CaseRefused:
        return False
    return True


def _since(now: datetime) -> datetime:
    return now - timedelta(days=settings.RETENTION_DAYS)


def _has_events(case: Case, since: datetime) -> bool:
    return timeline.all_events(case).filter(at__gt=since).exists()


def _without_activity(since: datetime) -> QuerySet[Case]:
    scans = Scan.objects.filter(case=OuterRef("pk"), created__gt=since)
    runs = Prediction.objects.filter(scan__case=OuterRef("pk"))
    old = Case.objects.filter(deleted=None, created__lte=since)
    return old.exclude(Exists(scans)).exclude(Exists(runs.filter(queued__gt=since))).order_by("pk")
