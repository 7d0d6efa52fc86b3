"""How much work waits and how fast it goes: a few indexed counts for monitoring, whatever the length of the history."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Min
from django.utils import timezone

from diagnosis.models import AuditEvent, Prediction
from diagnosis.models.prediction import ACTIVE, REUSABLE, State

RECENT = timedelta(minutes=5)
_NEWEST = 1000
_ANALYSES = 100


@dataclass(frozen=True, slots=True)
class Workload:
    """active: predictions queued and running. oldest_seconds: how long the first in the queue has waited, else 0.

    ended: of the newest 1,000 predictions those that ended within `RECENT`, by state and outcome (or error code).
    actions: audit rows within `RECENT`, by action. stages: mean milliseconds of each stage of the newest 100 analyses.
    """

    active: dict[str, int]
    oldest_seconds: float
    ended: Counter[tuple[str, str]]
    actions: Counter[str]
    stages: dict[str, float]


def current() -> Workload:
    """Six queries, each bounded by an index."""
    now = timezone.now()
    oldest = Prediction.objects.filter(state=State.QUEUED).aggregate(oldest=Min("queued"))["oldest"]
    return Workload(
        active={str(state): Prediction.objects.filter(state=state).count() for state in ACTIVE},
        oldest_seconds=max((now - oldest).total_seconds(), 0.0) if oldest else 0.0,
        ended=_ended(now - RECENT),
        actions=Counter(AuditEvent.objects.filter(at__gte=now - RECENT).order_by().values_list("action", flat=True)),
        stages=_stages(),
    )


def _ended(since: datetime) -> Counter[tuple[str, str]]:
    rows = Prediction.objects.order_by("-id").values_list("state", "outcome", "error_code", "finished")[:_NEWEST]
    return Counter(
        (state, error_code if state == State.FAILED else outcome)
        for state, outcome, error_code, finished in rows
        if finished is not None and finished >= since
    )


def _stages() -> dict[str, float]:
    """A reused result took no time of its own."""
    fresh = Prediction.objects.filter(state__in=REUSABLE, reused_from=None).order_by("-id")
    measured = [row for row in fresh.values_list("milliseconds", flat=True)[:_ANALYSES] if row]
    stages = sorted({stage for row in measured for stage in row})
    return {stage: sum(row.get(stage, 0.0) for row in measured) / len(measured) for stage in stages}
