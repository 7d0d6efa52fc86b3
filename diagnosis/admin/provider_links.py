"""Single sign-on in the admin: which accounts are linked to whom at the identity provider, and a way to unlink them."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from diagnosis.access.oidc import accounts
from diagnosis.access.users import User
from diagnosis.admin.base import OfSuperusers
from diagnosis.models import ProviderLink


@admin.register(ProviderLink)
class ProviderLinkAdmin(OfSuperusers):
    """Deleting a row unlinks the account. People link theirs themselves, on the page of their sessions."""

    list_display = ("user", "called", "issuer", "subject", "created", "last_used")
    list_select_related = ("user",)
    search_fields = ("user__username", "called", "subject")
    search_help_text = "Person here or at the provider"
    fields = ("user", "called", "issuer", "subject", "created", "last_used")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return settings.OIDC is not None and super().has_module_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def delete_model(self, request: HttpRequest, obj: ProviderLink) -> None:
        assert isinstance(request.user, User)
        accounts.remove_link(obj, actor=request.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ProviderLink]) -> None:
        for link in queryset.select_related("user"):
            self.delete_model(request, link)
