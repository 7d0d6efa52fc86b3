"""Who may do what with a case and what belongs to it. `selectors` decides who may see it."""

from typing import Any

from diagnosis.access import assigned, selectors
from diagnosis.access.users import AnyUser
from diagnosis.models import Case, Prediction


def may_change(user: AnyUser, case: Case) -> bool:
    """Owners may change their own cases, admins all. Readers see the cases of others but may not change them."""
    return bool(user.is_authenticated and (user.is_superuser or case.owner_id == user.pk))


def may_run(user: AnyUser, prediction: Prediction) -> bool:
    """People who may change a case may retry and cancel its runs, and so may its assignees.

    Costs no query for a prediction that was read through `selectors.predictions`.
    """
    case = prediction.scan.case
    if may_change(user, case):
        return True
    loaded: Any = getattr(prediction, "assigned", None)
    return assigned.is_to(user, case) if loaded is None else bool(loaded)


def may_review(user: AnyUser, case: Case) -> bool:
    """Owners review their own cases, assignees what is assigned to them, members of the group "reader" all.

    The role of administrator does not include it.
    """
    if not user.is_authenticated or not user.is_active:
        return False
    return bool(case.owner_id == user.pk or selectors.is_reader(user) or assigned.is_to(user, case))
