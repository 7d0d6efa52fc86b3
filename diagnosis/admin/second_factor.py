"""Second factors in the admin: who has one, and a way to remove it for somebody who lost phone and recovery codes.
Passkeys are listed one by one, too, for somebody who lost a single device."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from diagnosis.access import passkeys, second_factor
from diagnosis.access.users import User
from diagnosis.admin.base import OfSuperusers
from diagnosis.models import Passkey, SecondFactor


class _RemovedOnly(OfSuperusers):
    """Nobody adds or changes one here."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for one in queryset:
            self.delete_model(request, one)


@admin.register(SecondFactor)
class SecondFactorAdmin(_RemovedOnly):
    """Deleting a row removes the person's app, passkeys and recovery codes."""

    list_display = ("user", "app", "passkeys", "created")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    search_help_text = "Person"
    fields = ("user", "app", "passkeys", "created")

    def get_queryset(self, request: HttpRequest) -> QuerySet[SecondFactor]:
        rows: QuerySet[SecondFactor] = super().get_queryset(request)
        return rows.annotate(passkey_count=Count("passkeys"))

    @admin.display(boolean=True, description="authenticator app")
    def app(self, factor: SecondFactor) -> bool:
        return factor.has_app

    @admin.display(description="passkeys")
    def passkeys(self, factor: Any) -> int:
        return int(factor.passkey_count)

    def delete_model(self, request: HttpRequest, obj: SecondFactor) -> None:
        assert isinstance(request.user, User)
        second_factor.remove(obj.user, actor=request.user)


@admin.register(Passkey)
class PasskeyAdmin(_RemovedOnly):
    """Deleting a row removes that passkey; with the last of what somebody has, their recovery codes go, too."""

    list_display = ("owner", "name", "host", "created", "last_used")
    list_select_related = ("factor__user",)
    search_fields = ("factor__user__username", "name")
    search_help_text = "Person or name"
    fields = ("owner", "name", "host", "created", "last_used")

    @admin.display(description="user", ordering="factor__user__username")
    def owner(self, passkey: Passkey) -> str:
        return passkey.factor.user.get_username()

    def delete_model(self, request: HttpRequest, obj: Passkey) -> None:
        assert isinstance(request.user, User)
        passkeys.remove(obj, actor=request.user)
