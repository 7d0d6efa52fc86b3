"""Failed logins in the admin: who is locked out, and a way to unlock them."""

from django.contrib import admin

from diagnosis.access import lockout
from diagnosis.access.users import User
from diagnosis.admin.base import Listed, Removable
from diagnosis.models import LoginFailures


@admin.register(LoginFailures)
class LoginFailuresAdmin(Removable, Listed):
    """Deleting a row unlocks its name or address at once. Nobody makes or changes one here."""

    asks_for_password = True
    list_display = ("key", "failure_kind", "failures", "last", "locked_until")
    list_filter = ("failure_kind", "locked_until")
    search_fields = ("key",)
    search_help_text = "User name or address"
    fields = ("failure_kind", "key", "failures", "last", "locked_until")

    def remove(self, row: LoginFailures, *, actor: User) -> None:
        lockout.unlock(row, actor=actor)
