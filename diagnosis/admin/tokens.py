"""API tokens in the admin: who has one, and a way to revoke it. A command makes them; they are never shown here."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from rest_framework.authtoken import admin as authtoken
from rest_framework.authtoken.models import Token, TokenProxy

from diagnosis.admin.base import Listed


def masked(token: Token) -> str:
    """Enough of a token to tell it from another."""
    return f"{token.key[:4]}…"


# A token's text is its key. Django prints it in titles, on delete pages (a user's, too) and into the admin's log.
Token.__str__ = masked  # type: ignore[method-assign, assignment]

# Importing `authtoken` registered its page, which shows the keys; this one takes its place.
admin.site.unregister(TokenProxy)


@admin.register(TokenProxy)
class TokenAdmin(Listed, authtoken.TokenAdmin):
    """Tokens may be deleted, which revokes them at once."""

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
