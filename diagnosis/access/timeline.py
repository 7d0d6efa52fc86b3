"""Who did what with a case, from the audit trail: events of the case, its scans and their predictions and reviews.

It shows who acted and when, never what the model or a reader found: results are read on their own pages, where the
reading policy is applied.
"""

from typing import Any

from django.db.models import CharField, Q, QuerySet
from django.db.models.functions import Cast

from diagnosis.access import selectors
from diagnosis.access.users import AnyUser
from diagnosis.models import AuditEvent, Case, Prediction, Review, Scan

_NOT_SHOWN = (
    "result.viewed", "results.viewed", "picture.viewed", "scan.viewed", "review.saved",
    "access.denied", "access.not_found",
)  # fmt: skip
"""Left out: views, drafts and refusals. They would crowd out what was done, or reveal what somebody tried to see. The
audit trail has them."""

_OUTLIVES_TRASH = ("scan.deleted", "scan.restored", "scan.moved")
"""Events of a scan that its case shows even while the scan is in the trash."""


def events(user: AnyUser, *, case: Case) -> QuerySet[AuditEvent]:
    """The events of a case that `user` may see, newest first: none of scans that lie in the trash, but for how they
    came there."""
    if not selectors.cases(user).filter(pk=case.pk).exists():
        return AuditEvent.objects.none()
    everything = Scan.objects.filter(case=case)
    deleted = Q(target_type="scan", target_id__in=_ids(everything), action__in=_OUTLIVES_TRASH)
    return _of(case, everything.filter(deleted=None), also=deleted).exclude(action__in=_NOT_SHOWN)


def all_events(case: Case) -> QuerySet[AuditEvent]:
    """The events of a case and of all its scans."""
    return _of(case, Scan.objects.filter(case=case))


def _of(case: Case, scans: QuerySet[Scan], *, also: Q | None = None) -> QuerySet[AuditEvent]:
    found = Q(target_type="case", target_id=str(case.pk)) | of_scans(scans)
    return AuditEvent.objects.filter(found | also if also is not None else found).order_by("-id")


def of_scans(scans: QuerySet[Scan]) -> Q:
    """A condition on events: about one of the scans, of its predictions or of its reviews."""
    predictions = Prediction.objects.filter(scan__in=scans.order_by())
    reviews = Review.objects.filter(scan__in=scans.order_by())
    return (
        Q(target_type="scan", target_id__in=_ids(scans))
        | Q(target_type="prediction", target_id__in=_ids(predictions))
        | Q(target_type="review", target_id__in=_ids(reviews))
    )


def _ids(rows: QuerySet[Any, Any]) -> QuerySet[Any, Any]:
    """The keys of rows as the audit trail writes them."""
    keys: QuerySet[Any, Any] = rows.order_by().annotate(key=Cast("pk", CharField())).values("key")
    return keys
