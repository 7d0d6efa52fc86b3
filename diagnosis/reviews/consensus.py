"""Which reading of a scan holds, and its review state (unread, read, signed, disagreement).

An adjudication holds; else signed readings that agree, once there are as many as their readers' policies ask for.
`Scan.reading` keeps the result, so that the worklist filters and sorts by a column; `refresh` alone writes it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar, cast

from django.db.models import Case, CharField, Exists, F, Model, OuterRef, QuerySet, Value, When

from diagnosis.access.users import AnyUser
from diagnosis.models import Review, Scan
from diagnosis.models.review import ReviewState, Role
from diagnosis.models.scan import MINE, Reading

T = TypeVar("T", bound=Model)


@dataclass(frozen=True, slots=True)
class Consensus:
    """What a scan's readers agree on so far. final: the review whose finding holds; None until there is one."""

    reading: Reading
    final: Review | None


def of_reviews(reviews: Iterable[Review]) -> Consensus:
    """The consensus that follows from a scan's reviews. Drafts and amended ones do not count."""
    current = sorted((row for row in reviews if row.current and row.state != ReviewState.DRAFT), key=lambda r: r.pk)
    signed = [row for row in current if row.state == ReviewState.SIGNED]
    adjudications = [row for row in signed if row.role == Role.ADJUDICATION]
    if adjudications:
        return Consensus(Reading.SIGNED, adjudications[-1])
    if disagree(signed):
        return Consensus(Reading.DISAGREEMENT, None)
    if signed and len(signed) >= max(row.readings_required for row in signed):
        return Consensus(Reading.SIGNED, next((row for row in signed if row.tumor_type), signed[0]))
    return Consensus(Reading.READ if current else Reading.UNREAD, None)


def disagree(reviews: Sequence[Review]) -> bool:
    """Whether any two name different findings, or different types. One that names no type agrees with any."""
    return any(
        a.finding != b.finding or (a.tumor_type and b.tumor_type and a.tumor_type != b.tumor_type)
        for a, b in combinations(reviews, 2)
    )


def of_scan(scan: Scan) -> Consensus:
    """One query."""
    return of_reviews(Review.objects.filter(scan=scan, current=True).select_related("reader"))


def final(scan: Scan) -> Review | None:
    """The signed review whose finding holds for the scan, with its reader; None until there is one. One query."""
    return of_scan(scan).final


def refresh(scan: Scan) -> Reading:
    """Write `Scan.reading` again. The caller holds the scan's lock."""
    reading = of_scan(scan).reading
    Scan.objects.filter(pk=scan.pk).exclude(reading=reading).update(reading=reading)
    scan.reading = reading
    return reading


def with_review_state(rows: QuerySet[T], *, user: AnyUser, scan: str = "scan") -> QuerySet[T]:
    """Annotate `review_state`: unread, mine, read, signed or disagreement. It can be filtered and sorted by.

    scan: the lookup that leads from a row to its scan; "" for rows that are scans.
    """
    pk, reading = (f"{scan}_id", f"{scan}__reading") if scan else ("pk", "reading")
    begun = Review.objects.filter(scan=OuterRef(pk), reader=user.pk, current=True).exclude(state=ReviewState.SIGNED)
    shown = Case(When(Exists(begun), then=Value(MINE)), default=F(reading), output_field=CharField())
    return cast("QuerySet[T]", rows.annotate(review_state=shown))
