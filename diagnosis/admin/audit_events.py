"""The audit trail in the admin: it can be read and searched, but nobody can change it."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from diagnosis.access import audit_trail
from diagnosis.admin.base import NOTHING, ReadOnly, pretty
from diagnosis.models import AuditEvent


class NamedValues(admin.AllValuesFieldListFilter):
    """A filter by all values. The empty one has a name as well: a screen reader cannot announce a link without
    words."""

    def choices(self, changelist: ChangeList) -> Iterator[dict[str, Any]]:
        return ({**choice, "display": choice["display"] or NOTHING} for choice in super().choices(changelist))


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnly):
    """Who did what to which object, when and from which address."""

    list_display = ("at", "actor", "action", "target_type", "target", "address")
    list_display_links = ("at",)
    list_filter = (("action", admin.AllValuesFieldListFilter), "at", ("target_type", NamedValues))
    search_fields = ("actor", "target", "=target_id", "=request_id", "=address")
    search_help_text = "User, object, object id, request id or address"
    date_hierarchy = "at"
    actions = None
    fields = (
        "at",
        "actor",
        "actor_id",
        "action",
        "target_type",
        "target_id",
        "target",
        "address",
        "request_id",
        "formatted_details",
        "position",
        "hash",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEvent]:
        return audit_trail.shown_to(request.user, super().get_queryset(request))

    @admin.display(description="Details")
    def formatted_details(self, event: AuditEvent) -> SafeString | str:
        return pretty(event.details)
