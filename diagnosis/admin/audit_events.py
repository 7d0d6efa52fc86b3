"""The audit trail in the admin. It can be read and searched; there is no way to change it, for anybody."""

from django.contrib import admin
from django.utils.safestring import SafeString

from diagnosis.admin.base import ReadOnly, pretty
from diagnosis.models import AuditEvent


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnly):
    """Who did what to which object, when, from where."""

    list_display = ("at", "actor", "action", "target_type", "target", "address")
    list_display_links = ("at",)
    list_filter = (("action", admin.AllValuesFieldListFilter), "at", "target_type")
    search_fields = ("actor", "target", "=target_id", "=request_id", "=address")
    search_help_text = "Person, object, object id, request id or address"
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
        "said",
    )

    @admin.display(description="Details")
    def said(self, event: AuditEvent) -> SafeString | str:
        return pretty(event.details)
