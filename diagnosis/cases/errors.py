"""Why a case was not changed."""

from diagnosis.access.permissions import may_change
from diagnosis.access.users import User
from diagnosis.models import Case


class CaseRefused(Exception):
    """A sentence for staff, and a stable code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class CaseForbidden(CaseRefused):
    """The person may see the case, but not change it."""

    def __init__(self) -> None:
        super().__init__("permission_denied", "Only the case's owner or an administrator may do this.")


def require_change(actor: User | None, case: Case) -> None:
    """Raises CaseForbidden. actor: None for the site itself, which applies its retention rules."""
    if actor is not None and not may_change(actor, case):
        raise CaseForbidden
