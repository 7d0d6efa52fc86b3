"""Storage quotas of single people. Without one here, the site's rule holds."""

from django.contrib import admin

from diagnosis.admin.base import Listed
from diagnosis.intake import quotas
from diagnosis.models import StorageQuota


@admin.register(StorageQuota)
class StorageQuotaAdmin(Listed):
    """Who may store how much, and has stored."""

    list_display = ("user", "megabytes", "used")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    search_help_text = "Person"
    raw_id_fields = ("user",)
    fields = ("user", "megabytes", "used")
    readonly_fields = ("used",)
    list_per_page = 50

    @admin.display(description="used")
    def used(self, obj: StorageQuota) -> str:
        return f"{quotas.used(obj.user) / 1024 / 1024:,.1f} MB" if obj.user_id else "–"
