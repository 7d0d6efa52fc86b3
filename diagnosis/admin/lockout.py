"""Failed logins in the admin: who is locked out, and a way to unlock them."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from diagnosis.access import lockout
from diagnosis.access.users import User
from diagnosis.admin.base import Listed
from diagnosis.models import LoginFailures


@admin.register(LoginFailures)
class LoginFailuresAdmin(Listed):
    """Deleting a row unlocks its name or address at once. Nobody makes or changes one here."""

    asks_for_password = True
    list_display = ("key", "failure_kind", "failures", "last", "locked_until")
    list_filter = ("failure_kind", "locked_until")
    search_fields = ("key",)
    search_help_text = "User name or address"
    fields = ("failure_kind", "key", "failures", "last", "locked_until")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def delete_model(self, request: HttpRequest, obj: LoginFailures) -> None:
        assert isinstance(request.user, User)
        lockout.unlock(obj, actor=request.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[LoginFailures]) -> None:
        for row in queryset:
            self.delete_model(request, row)
