"""The audit trail in the admin: it can be read and searched, but nobody can change it."""

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from diagnosis.access import reading_policy
from diagnosis.admin.base import ReadOnly, pretty
from diagnosis.models import AuditEvent


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnly):
    """Who did what to which object, when and from which address."""

    list_display = ("at", "actor", "action", "target_type", "target", "address")
    list_display_links = ("at",)
    list_filter = (("action", admin.AllValuesFieldListFilter), "at", "target_type")
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
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEvent]:
        """Staff who read blind first don't see what happened to results, nor what others have read."""
        rows = super().get_queryset(request)
        if not reading_policy.is_blind_first(request.user):
            return rows
        return rows.exclude(target_type="prediction").exclude(~Q(actor_id=request.user.pk), target_type="review")

    @admin.display(description="Details")
    def formatted_details(self, event: AuditEvent) -> SafeString | str:
        return pretty(event.details)
