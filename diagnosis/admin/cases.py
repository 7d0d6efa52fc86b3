"""Cases and scans in the admin, read-only: uploads create them, the site's pages change and delete them.

What lies in the trash is not listed; its owner and administrators find it on the site's own page.
"""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from diagnosis.access import selectors
from diagnosis.admin.base import NOTHING, ReadOnly, image
from diagnosis.models import Case, Scan


@admin.register(Case)
class CaseAdmin(ReadOnly):
    """The cases that the user may also see on the site."""

    list_display = ("reference", "owner", "scan_count", "simulated", "created")
    list_filter = ("simulated", "created", ("owner", admin.RelatedOnlyFieldListFilter))
    search_fields = ("reference", "owner__username")
    search_help_text = "Reference or owner"
    date_hierarchy = "created"
    fields = ("reference", "owner", "scan_count", "label_list", "note_list", "simulated", "created")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Case]:
        return selectors.cases(request.user)

    @admin.display(description="Labels")
    def label_list(self, case: Case) -> str:
        return ", ".join(case.labels.values_list("text", flat=True)) or NOTHING

    @admin.display(description="Notes")
    def note_list(self, case: Case) -> SafeString | str:
        rows = ((f"{note.created:%Y-%m-%d %H:%M}", note.author_name, note.text) for note in case.notes.all())
        return format_html_join("", "<p>{} {}: {}</p>", rows) or NOTHING

    def view_on_site(self, obj: Case) -> str:
        return obj.get_absolute_url()

    @admin.display(description="Scans", ordering="scan_count")
    def scan_count(self, case: Any) -> int:
        return int(case.scan_count)


@admin.register(Scan)
class ScanAdmin(ReadOnly):
    """The scans that the user may also see on the site. Images come from the same permission-checked URLs."""

    list_display = ("thumbnail_image", "name", "case", "owner", "format", "dimensions", "bytes", "created")
    list_display_links = ("name",)
    list_filter = ("format", "case__simulated", "created")
    search_fields = ("name", "case__reference", "case__owner__username", "sha256")
    search_help_text = "File, case, owner or SHA-256"
    date_hierarchy = "created"
    fields = (
        "preview_image",
        "name",
        "case",
        "owner",
        "format",
        "dimensions",
        "frames",
        "bytes",
        "deidentified",
        "sha256",
        "pixel_sha256",
        "created",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Scan]:
        return selectors.scans(request.user)

    def view_on_site(self, obj: Scan) -> str:
        return obj.get_absolute_url()

    @admin.display(description="Image")
    def thumbnail_image(self, scan: Scan) -> SafeString:
        return image(scan)

    @admin.display(description="Image")
    def preview_image(self, scan: Scan) -> SafeString:
        return image(scan, route="scan-preview")

    @admin.display(ordering="case__owner__username")
    def owner(self, scan: Scan) -> str:
        return scan.case.owner.get_username()

    @admin.display(description="Pixels")
    def dimensions(self, scan: Scan) -> str:
        return f"{scan.width} × {scan.height}"

    @admin.display(description="Size", ordering="size")
    def bytes(self, scan: Scan) -> str:
        return filesizeformat(scan.size)
