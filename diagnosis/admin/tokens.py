"""API tokens in the admin: who has which, and a way to revoke them. People make their own, on their page."""

from django.contrib import admin

from diagnosis.access import tokens
from diagnosis.access.users import User
from diagnosis.admin.base import Listed, Removable
from diagnosis.models import ApiToken
from diagnosis.models.api_token import Scope


@admin.register(ApiToken)
class TokenAdmin(Removable, Listed):
    """Deleting a token revokes it at once. No key is shown: none is stored."""

    asks_for_password = True
    list_display = ("name", "user", "hint", "allows", "created", "expires", "last_used")
    list_select_related = ("user",)
    list_filter = ("created", "expires")
    search_fields = ("name", "user__username")
    search_help_text = "Token or person"
    fields = ("name", "user", "hint", "allows", "created", "expires", "last_used")

    @admin.display(description="Allows")
    def allows(self, token: ApiToken) -> str:
        return "everything" if len(token.scopes) == len(Scope) else ", ".join(token.scopes)

    def remove(self, row: ApiToken, *, actor: User) -> None:
        tokens.revoke(row, actor=actor)
