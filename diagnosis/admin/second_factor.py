"""Second factors in the admin: who has one, and a way to remove it for somebody who lost phone and recovery codes."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from diagnosis.access import second_factor
from diagnosis.access.users import User
from diagnosis.admin.base import OfSuperusers
from diagnosis.models import SecondFactor


@admin.register(SecondFactor)
class SecondFactorAdmin(OfSuperusers):
    """Deleting a row removes the person's app and recovery codes. Nobody adds or changes one here."""

    list_display = ("user", "created")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    search_help_text = "Person"
    fields = ("user", "created")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def delete_model(self, request: HttpRequest, obj: SecondFactor) -> None:
        assert isinstance(request.user, User)
        second_factor.remove(obj.user, actor=request.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[SecondFactor]) -> None:
        for factor in queryset.select_related("user"):
            self.delete_model(request, factor)
