"""What lies in the trash, for those who may restore it: owners and administrators."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from diagnosis.access.users import AnyUser
from diagnosis.models import Case, Review, Scan


def deleted_cases(user: AnyUser) -> QuerySet[Case]:
    """Deleted cases with owner, who deleted them, the scans that went along (`scan_count`) and `last_signed`, newest
    deletion first."""
    along = Scan.objects.filter(case=OuterRef("pk"), deleted=None).order_by().values("case")
    count = Subquery(along.annotate(n=Count("pk")).values("n"), output_field=IntegerField())
    rows = Case.objects.filter(_may_restore(user, "owner"), deleted__isnull=False)
    annotated = rows.annotate(scan_count=Coalesce(count, 0), last_signed=_last_signed(scan__case=OuterRef("pk")))
    return annotated.select_related("owner", "deleted_by").order_by("-deleted", "-pk")


def deleted_scans(user: AnyUser) -> QuerySet[Scan]:
    """Scans that were deleted alone, with case, owner, who deleted them and `last_signed`, newest deletion first."""
    rows = Scan.objects.filter(_may_restore(user, "case__owner"), deleted__isnull=False, case__deleted=None)
    annotated = rows.annotate(last_signed=_last_signed(scan=OuterRef("pk")))
    return annotated.select_related("case__owner", "deleted_by").order_by("-deleted", "-pk")


def kept_until(row: Any) -> datetime:
    """Until when such a row can be restored; the next purge after that deletes it."""
    end: datetime = row.deleted + timedelta(days=settings.TRASH_DAYS)
    if settings.SIGNED_REVIEW_DAYS and row.last_signed is not None:
        end = max(end, row.last_signed + timedelta(days=settings.SIGNED_REVIEW_DAYS))
    return end


def _may_restore(user: AnyUser, owner: str) -> Q:
    if not user.is_authenticated or not user.is_active:
        return Q(pk__in=())
    return Q() if user.is_superuser else Q(**{owner: user.pk})


def _last_signed(**where: OuterRef) -> Subquery:
    signed = Review.objects.filter(signed__isnull=False, **where)
    return Subquery(signed.order_by("-signed").values("signed")[:1])
