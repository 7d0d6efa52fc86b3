"""What the admin's pages share: read-only tables, images, formatted values."""

import json
from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ERROR_FLAG
from django.db import DataError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from diagnosis.access.users import User
from diagnosis.models import Scan

NOTHING = "–"


class Listed(admin.ModelAdmin):
    """A change list that reports filter values no database can compare as it reports other invalid filters, and whose
    every deletion is audited."""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if request.method != "GET" or ERROR_FLAG in request.GET:  # an error there is not the filter's fault
            return super().changelist_view(request, extra_context)
        try:
            return super().changelist_view(request, extra_context)
        except (OverflowError, ValueError, DataError):
            return HttpResponseRedirect(f"{request.path}?{ERROR_FLAG}=1")

    def log_deletions(self, request: HttpRequest, queryset: Iterable[Any]) -> list[Any]:
        """One by one: Django writes several at once without the signal that becomes an audit row."""
        each: Iterable[Any] = ([row] for row in queryset)
        return [entry for one in each for entry in super(Listed, self).log_deletions(request, one)]


class Fixed(admin.ModelAdmin):
    """Rows that nobody, superusers included, adds or changes here."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnly(Fixed, Listed):
    """Rows can be viewed with the view permission; nobody adds, changes or deletes them."""

    list_per_page = 50
    show_full_result_count = False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class OfSuperusers(Listed):
    """Rows that are rights: only superusers change them, after they have typed their password again."""

    asks_for_password = True

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)


class Removable(Fixed):
    """Rows that can only be deleted, one by one through `remove`, so that each leaves its audit row.

    Goes before `Listed` or `OfSuperusers` in a class's bases: its permissions come first.
    """

    def remove(self, row: Any, *, actor: User) -> None:
        """The domain function that deletes a row."""
        raise NotImplementedError

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        assert isinstance(request.user, User)
        self.remove(obj, actor=request.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset:
            self.delete_model(request, row)


def image(scan: Scan, *, route: str = "scan-thumbnail") -> SafeString:
    """A scan's image from its permission-checked URL. `route`: `scan-thumbnail` or `scan-preview`."""
    # The scan's name stands beside the image, so the alt text stays empty.
    return format_html('<img class="scan-image" src="{}" alt="" loading="lazy">', reverse(route, args=[scan.pk]))


def pretty(value: Any) -> SafeString | str:
    """Indented JSON, escaped."""
    return format_html("<pre>{}</pre>", json.dumps(value, indent=2, sort_keys=True)) if value else NOTHING
