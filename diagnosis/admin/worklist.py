"""Assignments and saved views in the admin, read-only: the pages write them, and their audit rows."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from diagnosis.access import selectors
from diagnosis.admin.base import ReadOnly
from diagnosis.models import Assignment, SavedView


@admin.register(Assignment)
class AssignmentAdmin(ReadOnly):
    """Who is asked to read which case, of the cases that the user may also see on the site."""

    list_display = ("case", "assignee", "assigned_by", "created")
    list_filter = ("group", "created")
    search_fields = ("case__reference", "user__username", "group__name")
    search_help_text = "Case, person or group"
    fields = ("case", "user", "group", "assigned_by", "created")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Assignment]:
        return selectors.assignments(request.user)

    def view_on_site(self, obj: Assignment) -> str:
        return obj.case.get_absolute_url()


@admin.register(SavedView)
class SavedViewAdmin(ReadOnly):
    """What people have saved for their worklists."""

    list_display = ("name", "user", "query", "created")
    list_select_related = ("user",)
    search_fields = ("name", "user__username")
    search_help_text = "View or person"
    fields = ("name", "user", "query", "created")
