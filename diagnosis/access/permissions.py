"""Who may change a case, and who may review its scans. `selectors` decides who may see it."""

from diagnosis.access import selectors
from diagnosis.access.users import AnyUser
from diagnosis.models import Case


def may_change(user: AnyUser, case: Case) -> bool:
    """Owners may change their own cases, admins all. Readers see the cases of others but may not change them."""
    return bool(user.is_authenticated and (user.is_superuser or case.owner_id == user.pk))


def may_review(user: AnyUser, case: Case) -> bool:
    """Owners review their own cases, members of the group "reader" all. Being an administrator is no right to read."""
    if not user.is_authenticated or not user.is_active:
        return False
    return bool(case.owner_id == user.pk or selectors.is_reader(user))
