"""Rows without an audit row of their creation. It cannot be written later, so nothing is repaired."""

from collections.abc import Iterator
from typing import Any

from django.db.models import CharField, Exists, Model, OuterRef, QuerySet
from django.db.models.functions import Cast

from diagnosis.integrity.findings import Finding, found
from diagnosis.models import AuditEvent, Case, Review, Scan
from diagnosis.models.review import ReviewState


def check() -> Iterator[Finding]:
    """Findings on the audit trail; see the package."""
    signed = Review.objects.filter(state=ReviewState.SIGNED)
    yield from _without("case", Case.objects.all(), "case.opened")
    yield from _without("scan", Scan.objects.all(), "scan.uploaded", "scan.split")
    yield from _without("review", signed, "review.signed", "review.amended")


def _without(target_type: str, rows: QuerySet[Any], *actions: str) -> tuple[Finding, ...]:
    events = AuditEvent.objects.filter(target_type=target_type, target_id=OuterRef("as_text"), action__in=actions)
    bare: QuerySet[Model] = rows.annotate(as_text=Cast("pk", CharField())).exclude(Exists(events))
    says = f"A {target_type} has no audit row that says who made it ({', '.join(actions)})."
    return found(f"audit_missing_{target_type}", says, list(bare.values_list("pk", flat=True)))
