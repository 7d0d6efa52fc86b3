"""Assigning cases: an assignee sees the case, may review it, and may retry or cancel its runs.

The owner and administrators assign and withdraw; an assignee may give a case back. `selectors` applies what an
assignment lets people see, `permissions` what it lets them do.
"""

from dataclasses import dataclass
from typing import Self

from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet

from diagnosis.access import audit
from diagnosis.access.permissions import may_change
from diagnosis.access.refusals import Refused
from diagnosis.access.users import User
from diagnosis.models import Assignment, Case


class SharingError(Refused):
    """Why nothing was assigned or withdrawn."""


class SharingForbidden(SharingError):
    """The person may see the case, but not assign it."""

    def __init__(self) -> None:
        super().__init__("permission_denied", "Only the case's owner or an administrator may assign it.")


@dataclass(frozen=True, slots=True)
class Assignee:
    """An active person or a group, found by name."""

    user: User | None = None
    group: Group | None = None

    @classmethod
    def named(cls, *, user: str = "", group: str = "") -> Self:
        """Raises SharingError unless exactly one name is given and known."""
        if bool(user) == bool(group):
            raise SharingError("assignee_required", "Name a person or a group, one of the two.")
        if "\0" in user + group:  # PostgreSQL fails on it
            raise SharingError("unknown_assignee", "Nobody has a name with such a character.")
        if user:
            found = User.objects.filter(username=user, is_active=True).first()
            if found is None:
                raise SharingError("unknown_assignee", f"There is no active user called {user}.")
            return cls(user=found)
        named = Group.objects.filter(name=group).first()
        if named is None:
            raise SharingError("unknown_assignee", f"There is no group called {group}.")
        return cls(group=named)

    def __str__(self) -> str:
        return self.user.get_username() if self.user else f"group {self.group}"


def assign(case: Case, *, to: Assignee, actor: User) -> Assignment:
    """Assign a case to a person or a group. Assigning it again changes nothing.

    Raises SharingForbidden, and SharingError for an assignment to the owner, who has the case already, or of a case
    that is gone.
    """
    with transaction.atomic():
        # Locked, so that a hand-over of the case to its new assignee comes before or after, never between.
        present = Case.objects.select_for_update(no_key=True).filter(pk=case.pk, deleted=None).first()
        if present is None:
            raise SharingError("gone", "The case no longer exists.")
        if not may_change(actor, present):
            raise SharingForbidden
        if to.user is not None and to.user.pk == present.owner_id:
            raise SharingError("already_owner", f"{to} owns this case already.")
        made, new = Assignment.objects.get_or_create(
            case=case, user=to.user, group=to.group, defaults={"assigned_by": actor}
        )
        if new:
            audit.record("case.assigned", actor=actor, target=case, to=str(to))
    return made


def withdraw(assignment: Assignment, *, actor: User) -> None:
    """End an assignment. Raises SharingForbidden unless the actor may change the case or is its one assignee."""
    if assignment.user_id != actor.pk and not may_change(actor, assignment.case):
        raise SharingForbidden
    end(Assignment.objects.filter(pk=assignment.pk), actor=actor)


def end(assignments: QuerySet[Assignment], *, actor: User | None) -> None:
    """End assignments, with an audit row each. The caller knows that the actor may: `withdraw` asks."""
    with transaction.atomic():
        for row in assignments.select_related("case", "user", "group"):
            if Assignment.objects.filter(pk=row.pk).delete()[0]:
                audit.record("case.unassigned", actor=actor, target=row.case, to=row.assignee)


def assignees() -> tuple[QuerySet[User, str], QuerySet[Group, str]]:
    """The names of all people and groups that a case can be assigned to."""
    people = User.objects.filter(is_active=True).order_by("username").values_list("username", flat=True)
    return people, Group.objects.order_by("name").values_list("name", flat=True)
