"""API tokens in the admin: who has one, and a way to revoke it. `create_token` creates them; no key is shown here."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from rest_framework.authtoken import admin as authtoken
from rest_framework.authtoken.models import Token, TokenProxy

from diagnosis.admin.base import Listed


def masked(token: Token) -> str:
    """The key's first characters, enough to tell tokens apart."""
    return f"{token.key[:4]}…"


# str(token) is its key by default, and Django writes it into titles, delete pages (of users, too) and the admin's log.
Token.__str__ = masked  # type: ignore[method-assign, assignment]

# Importing `authtoken` registers an admin page that shows the keys; this one replaces it.
admin.site.unregister(TokenProxy)


@admin.register(TokenProxy)
class TokenAdmin(Listed, authtoken.TokenAdmin):
    """Deleting a token revokes it at once."""

    asks_for_password = True

    list_display = ("masked_key", "user", "created")
    list_select_related = ("user",)
    fields = ("masked_key", "user", "created")

    @admin.display(description="Token")
    def masked_key(self, token: Token) -> str:
        return masked(token)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
