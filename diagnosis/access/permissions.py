"""Who may change a case's things. Who may see them is in `selectors`."""

from diagnosis.access.users import AnyUser
from diagnosis.models import Case


def may_change(user: AnyUser, case: Case) -> bool:
    """Owners change their own cases, admins all. Readers look, they change nothing of others."""
    return bool(user.is_authenticated and (user.is_superuser or case.owner_id == user.pk))
