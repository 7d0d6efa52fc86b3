"""Single sign-on in the admin: which accounts are linked to whom at the identity provider, and a way to unlink them."""

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest

from diagnosis.access.oidc import accounts
from diagnosis.access.users import User
from diagnosis.admin.base import OfSuperusers, Removable
from diagnosis.models import ProviderLink


@admin.register(ProviderLink)
class ProviderLinkAdmin(Removable, OfSuperusers):
    """Deleting a row unlinks the account. People link theirs themselves, on the page of their sessions."""

    list_display = ("user", "called", "issuer", "subject", "created", "last_used")
    list_select_related = ("user",)
    search_fields = ("user__username", "called", "subject")
    search_help_text = "Person here or at the provider"
    fields = ("user", "called", "issuer", "subject", "created", "last_used")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return settings.OIDC is not None and super().has_module_permission(request)

    def remove(self, row: ProviderLink, *, actor: User) -> None:
        accounts.remove_link(row, actor=actor)
