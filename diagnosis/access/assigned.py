"""Which cases are assigned to somebody, for `selectors` and `permissions`. `sharing` assigns them."""

from django.db.models import BooleanField, Exists, OuterRef, Q, QuerySet, Value

from diagnosis.access.users import AnyUser, User
from diagnosis.models import Assignment, Case


def to_user(user: User) -> QuerySet[Assignment]:
    """What is assigned to a person, or to a group of theirs."""
    groups = User.groups.through.objects.filter(user=user.pk).values("group")
    return Assignment.objects.filter(Q(user=user.pk) | Q(group__in=groups))


def exists_for(user_column: str) -> Exists:
    """An expression: whether the user whose id is in that column has a case assigned."""
    groups = User.groups.through.objects.filter(user=OuterRef(OuterRef(user_column))).values("group")
    return Exists(Assignment.objects.filter(Q(user=OuterRef(user_column)) | Q(group__in=groups)))


def is_assigned(user: User, case_column: str) -> Exists | Value:
    """An expression: whether the case in that column is assigned to the user. Without assignments it costs nothing."""
    if not has_any(user):
        return Value(False, output_field=BooleanField())
    return Exists(to_user(user).filter(case=OuterRef(case_column)))


def is_to(user: AnyUser, case: Case) -> bool:
    """Whether a case is assigned to the user. One query; none for a user without any assignment."""
    return user.is_authenticated and has_any(user) and to_user(user).filter(case=case).exists()


def has_any(user: User) -> bool:
    """The user of a request was loaded with the answer; for any other user one query finds it."""
    loaded: bool | None = getattr(user, "has_assignments", None)
    return to_user(user).exists() if loaded is None else loaded
