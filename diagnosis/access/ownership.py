"""Keeps the owner that a prediction copies (`owner`, `owner_name`) equal to that of its case.

The worklist filters and sorts by these copies, and `owner` decides who may see a prediction. So a case changes hands
only through `hand_over`: setting `Case.owner` alone would leave its predictions in the former owner's worklist.
"""

from django.db import transaction

from diagnosis.access import audit, sharing
from diagnosis.access.users import User
from diagnosis.models import Assignment, Case, Prediction


def lock(*users: User) -> list[User]:
    """Lock users' rows until the transaction ends, and return them as they are now, in order of id.

    Uploads of a user, renames, and hand-overs of their cases wait for each other here, so none of them copies an owner
    that another is changing. The fixed order keeps two hand-overs between the same users from a deadlock.
    """
    rows = User.objects.select_for_update(no_key=True).filter(pk__in=[user.pk for user in users])
    return list(rows.order_by("pk"))


def hand_over(case: Case, *, to: User, actor: User | None = None) -> None:
    """Make `to` the owner of a case and of all its predictions, in one transaction. An owner is no assignee, so an
    assignment to `to` ends.

    Raises IntegrityError if `to` already has a case with this reference.
    """
    with transaction.atomic():
        # The case's row is locked first, so that two hand-overs take turns and each names the owner it found.
        # Its owner is read afterwards: joined, PostgreSQL would not find a case again that changed hands meanwhile.
        present = Case.objects.select_for_update(no_key=True).get(pk=case.pk).owner
        names = {user.pk: user.get_username() for user in lock(present, to)}
        former, name = names[present.pk], names[to.pk]
        Case.objects.filter(pk=case.pk).update(owner=to)
        Prediction.objects.filter(scan__case=case).update(owner=to, owner_name=name)
        sharing.end(Assignment.objects.filter(case=case, user=to), actor=actor)
        audit.record("case.handed_over", actor=actor, target=case, former_owner=former, owner=name)
    case.owner = to


def copy_username(user: User) -> None:
    """Give a user's predictions the name that the user has now."""
    name = user.get_username()
    Prediction.objects.filter(owner=user.pk).exclude(owner_name=name).update(owner_name=name)
