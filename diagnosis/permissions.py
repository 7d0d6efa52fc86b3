"""Who may change a case's things. Who may see them is in `selectors`."""

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from diagnosis.models import Case


def may_change(user: AbstractBaseUser | AnonymousUser, case: Case) -> bool:
    """Owners change their own cases, admins all. Readers look, they change nothing of others."""
    return bool(user.is_authenticated and (user.is_superuser or case.owner_id == user.pk))  # type: ignore[union-attr]
