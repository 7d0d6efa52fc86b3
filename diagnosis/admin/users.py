"""Users in the admin: Django's own pages, except that nobody can give themselves more rights."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import admin as auth
from django.contrib.auth import get_user_model
from django.http import HttpRequest

from diagnosis.admin.base import Listed

User = get_user_model()
_RIGHTS = ("is_staff", "is_superuser", "groups", "user_permissions")

# Importing `auth` registers Django's admin page; this one replaces it.
admin.site.unregister(User)


@admin.register(User)
class UserAdmin(Listed, auth.UserAdmin):
    """Staff with the permission may add and edit accounts. Only superusers grant rights or edit superusers."""

    list_display = ("username", "first_name", "last_name", "is_active", "is_staff", "is_superuser", "last_login")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if request.user.is_superuser else _RIGHTS

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and _may_edit(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_edit(request, obj)


def _may_edit(request: HttpRequest, obj: Any) -> bool:
    return bool(request.user.is_superuser or obj is None or not obj.is_superuser)
