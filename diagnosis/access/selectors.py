"""Every read of pages and API. This module alone decides who may see what: users see their own cases and those assigned
to them or to a group of theirs; admins and members of the group "reader" see all. Nobody sees what is in the trash,
except those who may restore it (`diagnosis.access.trash`). `blinding` hides what a reader may not know yet.

The user of a request is loaded with `user_columns`, so for users without assignments the rule is a plain condition on
the owner that an index answers.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from django.contrib.auth.models import Group
from django.db.models import Count, Exists, F, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from diagnosis.access import assigned, blinding, reading_policy, viewing
from diagnosis.access.users import AnyUser, User
from diagnosis.models import (
    Assignment,
    Case,
    ModelVersion,
    Prediction,
    Review,
    Scan,
    SecondFactor,
    Slice,
    SliceResult,
    UploadPreview,
    UploadRow,
)
from diagnosis.models.prediction import ACTIVE, State
from diagnosis.models.review import ReviewState

READERS = "reader"
"""The group whose members see all cases."""


def visible_owners(user: AnyUser) -> QuerySet[User, int]:
    """Ids of the users all of whose cases `user` may see, for searches outside the database.

    Read what such a search finds through `predictions`.
    """
    return User.objects.filter(_sees_all_of(user, "pk")).values_list("pk", flat=True)


def assigned_cases(user: AnyUser) -> list[int]:
    """Ids of the cases that `user` may see by assignment, beside those of `visible_owners`. No query without any."""
    if not user.is_authenticated or not assigned.has_any(user):
        return []
    return list(assigned.to_user(user).values_list("case", flat=True))


def cases(user: AnyUser) -> QuerySet[Case]:
    """The cases `user` may see, with owner and number of scans (`scan_count`), newest first."""
    kept_scans = Scan.objects.filter(case=OuterRef("pk"), deleted=None)
    count = kept_scans.order_by().values("case").annotate(n=Count("pk")).values("n")
    visible = Case.objects.filter(_may_see(user, "owner", case="pk"), deleted=None).select_related("owner")
    return visible.annotate(scan_count=Coalesce(Subquery(count), 0))


def assignments(user: AnyUser) -> QuerySet[Assignment]:
    """The assignments of the cases `user` may see, with case, assignee and who assigned it, oldest first."""
    visible = Assignment.objects.filter(_may_see(user, "case__owner", case="case"), case__deleted=None)
    return visible.select_related("case", "user", "group", "assigned_by")


def scans(user: AnyUser) -> QuerySet[Scan]:
    """The scans `user` may see, with case and owner, newest first."""
    return Scan.objects.filter(_may_see(user, "case__owner", case="case"), kept()).select_related("case__owner")


def predictions(user: AnyUser) -> QuerySet[Prediction]:
    """The predictions `user` may see, with scan, case, owner and model version, newest first.

    Each tells whether it is `assigned` to the user.
    """
    visible = Prediction.objects.filter(_may_see(user, "owner", case="scan__case"), in_trash=False)
    if user.is_authenticated:
        visible = visible.annotate(assigned=assigned.is_assigned(user, "scan__case"))
    with_all = visible.select_related("scan__case__owner", "model_version", "key_slice")
    return blinding.cover_rows(with_all.defer("model_version__manifest"), user=user)


def result(user: AnyUser, *, prediction_id: int) -> QuerySet[Prediction]:
    """One prediction with everything its page shows, queue position included."""
    everything = predictions(user).defer(None).filter(pk=prediction_id)
    return _with_position(everything)


def results(user: AnyUser, *, prediction_ids: Iterable[int]) -> QuerySet[Prediction]:
    """The given predictions that `user` may see, with their models' manifests, oldest scan first.

    Two queries: each model version is read once, whose manifest is larger than many rows.
    """
    rows = predictions(user).defer(None).filter(pk__in=list(prediction_ids)).order_by("scan_id")
    return rows.select_related(None).select_related("scan__case__owner", "key_slice").prefetch_related("model_version")


def newest_predictions(user: AnyUser, *, case: Case) -> QuerySet[Prediction]:
    """The newest prediction of each scan of a case, oldest scan first."""
    newest = Subquery(Prediction.objects.filter(scan=OuterRef("scan")).order_by("-id").values("pk")[:1])
    return predictions(user).filter(scan__case=case).alias(newest=newest).filter(pk=F("newest")).order_by("scan_id")


def statuses(user: AnyUser, *, prediction_ids: Iterable[int]) -> QuerySet[Prediction]:
    """The given predictions that `user` may see, each with its queue `position`. One query."""
    return _with_position(predictions(user).filter(pk__in=list(prediction_ids)))


def scans_with_history(user: AnyUser) -> QuerySet[Scan]:
    """The scans `user` may see, each with its predictions in `history`, newest first. Two queries."""
    newest_first = Prediction.objects.select_related("model_version").defer("model_version__manifest").order_by("-id")
    covered = blinding.cover_rows(newest_first, user=user)
    return scans(user).prefetch_related(Prefetch("predictions", queryset=covered, to_attr="history"))


def case_scans(user: AnyUser, *, case: Case) -> QuerySet[Scan]:
    """A case's scans, oldest first, each with its `history`. Two queries."""
    return scans_with_history(user).filter(case=case).order_by("id")


def slices(user: AnyUser) -> QuerySet[Slice]:
    """The slices of series that `user` may see, with their scan, in viewing order."""
    visible = Slice.objects.filter(_may_see(user, "scan__case__owner", case="scan__case"), kept("scan__"))
    return visible.select_related("scan").order_by("scan", "index")


def slice_results(user: AnyUser) -> QuerySet[SliceResult]:
    """Results of the slices that `user` may see, with slice, scan and prediction, in viewing order. Without those of
    scans whose result they may not know yet."""
    may_see = _may_see(user, "prediction__scan__case__owner", case="prediction__scan__case")
    visible = SliceResult.objects.filter(may_see, prediction__in_trash=False)
    visible = viewing.noting(blinding.hide_unread(visible, user=user, scan="prediction__scan"))
    return visible.select_related("slice__scan", "prediction").defer("vector").order_by("slice__index")


def upload_rows(user: AnyUser) -> QuerySet[UploadRow]:
    """The user's own upload list, newest upload first. Nobody else sees it, admins included: it may name files."""
    own = UploadRow.objects.filter(user=user.pk) if user.is_active else UploadRow.objects.none()
    return own.annotate(has_preview=Exists(UploadPreview.objects.filter(row=OuterRef("pk"))))


def adjacent(prediction: Prediction) -> tuple[int | None, int | None]:
    """Ids of the newest predictions of the scans before and after this one in its case. One query.

    None beside a scan that has left its case, or went to the trash, since it was read.
    """
    latest = Prediction.objects.filter(scan=OuterRef("pk")).order_by("-id").values("pk")[:1]
    row = Scan.objects.filter(case=prediction.scan.case_id, deleted=None).annotate(latest=Subquery(latest))
    ids = list(row.order_by("id").values_list("pk", "latest"))
    index = next((i for i, (scan_id, _) in enumerate(ids) if scan_id == prediction.scan_id), None)
    if index is None:
        return None, None
    before = ids[index - 1][1] if index > 0 else None
    after = ids[index + 1][1] if index + 1 < len(ids) else None
    return before, after


def reviews(user: AnyUser) -> QuerySet[Review]:
    """The reviews that `user` may see, with scan, case and reader, newest first: their own, and those that others have
    committed, but not before the result itself may be known."""
    visible = Review.objects.filter(_may_see(user, "scan__case__owner", case="scan__case"), kept("scan__"))
    others = blinding.hide_unread(visible.exclude(state=ReviewState.DRAFT), user=user, scan="scan")
    shown = visible.filter(Q(reader=user.pk) | Q(pk__in=others.order_by().values("pk")))
    return shown.select_related("scan__case__owner", "reader")


def models() -> QuerySet[ModelVersion]:
    """All registered model versions; anyone logged in may see them."""
    return ModelVersion.objects.all()


def queue_summary() -> dict[str, Any]:
    """Numbers of queued and running predictions on the whole site: {"waiting": n, "running": n}. One query."""
    return Prediction.objects.filter(state__in=ACTIVE).aggregate(
        waiting=Count("pk", filter=Q(state=State.QUEUED)), running=Count("pk", filter=Q(state=State.RUNNING))
    )


def kept(scan: str = "") -> Q:
    """Not in the trash, alone or with its case. scan: the path from a row to its scan, such as `scan__`."""
    return Q(**{f"{scan}deleted": None, f"{scan}case__deleted": None})


def _may_see(user: AnyUser, owner: str, *, case: str) -> Q:
    """owner, case: the columns that hold the ids of a row's owner and case."""
    by_owner = _sees_all_of(user, owner)
    if not by_owner or not user.is_authenticated or not user.is_active or not assigned.has_any(user):
        return by_owner
    return by_owner | Q(**{f"{case}__in": assigned.to_user(user).values("case")})


def _sees_all_of(user: AnyUser, owner: str) -> Q:
    if not user.is_authenticated or not user.is_active:
        return Q(pk__in=())
    if user.is_superuser:
        return Q()
    return Q() if is_reader(user) else Q(**{owner: user.pk})


def is_reader(user: User) -> bool:
    """Whether the user may see all cases. The user of a request was loaded with the answer; for any other one query
    finds it."""
    loaded: bool | None = getattr(user, "is_reader", None)
    return Group.objects.filter(user=user.pk, name=READERS).exists() if loaded is None else loaded


@cache
def user_columns(user_column: str) -> Mapping[str, Exists]:
    """What the rules need to know of a request's user, to annotate when the user is loaded. user_column: holds the
    user's id.

    Made once: it would be a third of what loading the user costs, and every request loads one.
    """
    columns = {
        "is_reader": Exists(Group.objects.filter(user=OuterRef(user_column), name=READERS)),
        "has_assignments": assigned.exists_for(user_column),
        "has_second_factor": Exists(SecondFactor.objects.filter(user=OuterRef(user_column))),
        **reading_policy.columns(user_column),
    }
    return MappingProxyType(columns)


def _with_position(rows: QuerySet[Prediction]) -> QuerySet[Prediction]:
    """Annotate `position`, from 1: only meaningful for queued predictions."""
    ahead = (
        Prediction.objects.filter(state=State.QUEUED, queued__lt=OuterRef("queued"))
        .order_by()
        .values("state")
        .annotate(n=Count("pk"))
        .values("n")
    )
    return rows.annotate(position=Coalesce(Subquery(ahead), 0) + 1)
