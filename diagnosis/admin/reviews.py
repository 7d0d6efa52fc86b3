"""Reviews in the admin, read-only, and the reading policies of groups."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from diagnosis.access import selectors
from diagnosis.admin.base import OfSuperusers, ReadOnly
from diagnosis.models import ReadingPolicy, Review


@admin.register(Review)
class ReviewAdmin(ReadOnly):
    """The reviews that the user may also see on the site. Nobody changes one here, superusers included."""

    list_display = ("id", "scan", "reader", "role", "state", "finding", "tumor_type", "signed", "current")
    list_select_related = ("scan", "reader")
    list_filter = ("state", "finding", "role", "mode", "current", "signed")
    search_fields = ("scan__name", "scan__case__reference", "reader__username", "comment")
    search_help_text = "File, case, reader or comment"
    fields = (
        "scan", "prediction", "reader", "role", "mode", "state", "finding", "tumor_type", "confidence", "comment",
        "x0", "y0", "x1", "y1", "slice_index", "created", "committed", "revealed", "signed", "signed_by",
        "readings_required", "amends", "reason", "current", "pixel_sha256",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Review]:
        return selectors.reviews(request.user)


@admin.register(ReadingPolicy)
class ReadingPolicyAdmin(OfSuperusers):
    """Who reads blind first, and how many readings a scan needs. Each change is audited, as all in the admin."""

    list_display = ("group", "mode", "readings")
    list_select_related = ("group",)
