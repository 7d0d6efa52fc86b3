"""Who may change a case and what belongs to it. `selectors` decides who may see it."""

from diagnosis.access.users import AnyUser
from diagnosis.models import Case


def may_change(user: AnyUser, case: Case) -> bool:
    """Owners may change their own cases, admins all. Readers see the cases of others but may not change them."""
    return bool(user.is_authenticated and (user.is_superuser or case.owner_id == user.pk))
