"""The trash: a deleted case or scan is hidden everywhere, and can be restored until it is purged.

A case and a scan each say since when they are in the trash; `Prediction.in_trash` follows. So a scan that was deleted
before its case stays in the trash when the case is restored. Deleting ends runs that are under way, and restoring
queues them again.
"""

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from diagnosis.access import audit
from diagnosis.access.users import User
from diagnosis.cases.errors import CaseRefused, require_change
from diagnosis.cases.locking import locked
from diagnosis.inference import transitions
from diagnosis.models import Case, Embedding, Prediction, Review, Scan
from diagnosis.models.prediction import REUSABLE
from diagnosis.models.review import ReviewState


@dataclass(frozen=True, slots=True)
class Contents:
    """What goes to the trash with a case or scan. reviews: signed ones included."""

    scans: int
    results: int
    reviews: int
    signed: int


def contents(target: Case | Scan) -> Contents:
    """Three queries."""
    scans = Scan.objects.filter(pk=target.pk) if isinstance(target, Scan) else target.scans.filter(deleted=None)
    reviews = Review.objects.filter(scan__in=scans.order_by(), current=True).aggregate(
        all=Count("pk"), signed=Count("pk", filter=Q(state=ReviewState.SIGNED))
    )
    results = Prediction.objects.filter(scan__in=scans.order_by(), state__in=REUSABLE).count()
    return Contents(scans.count(), results, reviews["all"], reviews["signed"])


def delete_case(case: Case, *, actor: User | None) -> None:
    """Move a case with all its scans to the trash. actor: None for the site's retention.

    Raises CaseForbidden, and CaseRefused if it is there already.
    """
    with transaction.atomic():
        [present] = locked(case)
        require_change(actor, present)
        if present.deleted is not None:
            raise CaseRefused("in_trash", "The case is in the trash already.")
        Case.objects.filter(pk=case.pk).update(deleted=timezone.now(), deleted_by=actor)
        rows = Prediction.objects.filter(scan__case=case)
        rows.update(in_trash=True)
        canceled = transitions.cancel_deleted(rows)
        facts: dict[str, Any] = {"scans": present.scans.filter(deleted=None).count(), "canceled": canceled}
        if actor is None:
            audit.record_of_site("case.deleted", target=present, **facts)
        else:
            audit.record("case.deleted", actor=actor, target=present, **facts)


def delete_scan(scan: Scan, *, actor: User) -> None:
    """Move a scan to the trash. Raises what `delete_case` does."""
    with transaction.atomic():
        [case] = locked(scan.case)
        require_change(actor, case)
        changed = Scan.objects.filter(pk=scan.pk, case=case, deleted=None)
        if case.deleted is not None or not changed.update(deleted=timezone.now(), deleted_by=actor):
            raise CaseRefused("in_trash", "The scan is no longer in this case, or is already in the trash.")
        rows = Prediction.objects.filter(scan=scan)
        rows.update(in_trash=True)
        canceled = transitions.cancel_deleted(rows)
        audit.record("scan.deleted", actor=actor, target=scan, case=case.reference, canceled=canceled)


def restore_case(case: Case, *, actor: User) -> None:
    """Take a case out of the trash, with the scans that went there with it.

    Raises CaseForbidden, and CaseRefused if it is not there.
    """
    with transaction.atomic():
        [present] = locked(case)
        require_change(actor, present)
        if not Case.objects.filter(pk=case.pk, deleted__isnull=False).update(deleted=None, deleted_by=None):
            raise CaseRefused("not_in_trash", "The case is not in the trash.")
        scans = present.scans.filter(deleted=None)
        _restore(scans=[scan.pk for scan in scans.only("pk")], actor=actor)
        audit.record("case.restored", actor=actor, target=present, scans=scans.count())


def restore_scan(scan: Scan, *, actor: User) -> None:
    """Take a scan out of the trash. Raises what `restore_case` does, also while its case is in the trash."""
    with transaction.atomic():
        [case] = locked(scan.case)
        require_change(actor, case)
        if case.deleted is not None:
            raise CaseRefused("case_in_trash", f"Restore the case {case.reference} first: it is in the trash, too.")
        changed = Scan.objects.filter(pk=scan.pk, deleted__isnull=False)
        if not changed.update(deleted=None, deleted_by=None):
            raise CaseRefused("not_in_trash", "The scan is not in the trash.")
        _restore(scans=[scan.pk], actor=actor)
        audit.record("scan.restored", actor=actor, target=scan, case=case.reference)


def _restore(*, scans: list[int], actor: User) -> None:
    rows = Prediction.objects.filter(scan__in=scans)
    rows.update(in_trash=False)
    transitions.queue_restored(rows, actor=actor)
    # The search for similar scans reads rows above the last id it knows, so these take new ids.
    embeddings = list(Embedding.objects.filter(prediction__in=rows.order_by()).order_by("pk"))
    Embedding.objects.filter(pk__in=[row.pk for row in embeddings]).delete()
    for row in embeddings:
        row.pk = None
    Embedding.objects.bulk_create(embeddings, batch_size=200)
