"""Second factors in the admin: who has one, and a way to remove it for somebody who lost phone and recovery codes.
Passkeys are listed one by one, too, for somebody who lost a single device."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from diagnosis.access import passkeys, second_factor
from diagnosis.access.users import User
from diagnosis.admin.base import OfSuperusers, Removable
from diagnosis.models import Passkey, SecondFactor


@admin.register(SecondFactor)
class SecondFactorAdmin(Removable, OfSuperusers):
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

    def remove(self, row: SecondFactor, *, actor: User) -> None:
        second_factor.remove(row.user, actor=actor)


@admin.register(Passkey)
class PasskeyAdmin(Removable, OfSuperusers):
    """Deleting a row removes that passkey; with the last of what somebody has, their recovery codes go, too."""

    list_display = ("owner", "name", "host", "created", "last_used")
    list_select_related = ("factor__user",)
    search_fields = ("factor__user__username", "name")
    search_help_text = "Person or name"
    fields = ("owner", "name", "host", "created", "last_used")

    @admin.display(description="user", ordering="factor__user__username")
    def owner(self, passkey: Passkey) -> str:
        return passkey.factor.user.get_username()

    def remove(self, row: Passkey, *, actor: User) -> None:
        passkeys.remove(row, actor=actor)
