"""Actions on the worklist: bulk actions, saved views, page size, and assigning cases."""

from typing import cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from diagnosis.access import pagination, selectors, sharing
from diagnosis.access.sharing import Assignee, SharingError, SharingForbidden
from diagnosis.access.users import User
from diagnosis.models import Assignment, SavedView
from diagnosis.reports import exports, listing
from diagnosis.views.status import ids_in
from diagnosis.worklist import bulk, saved_views
from diagnosis.worklist.query import Worklist

SHOWN_NAMES = 5
"""Scans that a message names before it says how many more there are."""


@require_POST
def bulk_action(request: HttpRequest) -> HttpResponseBase:
    """One action on the selected rows; the answer says how many it was done for, and why not for the others."""
    ids = ids_in(request.POST.getlist("id"))
    action = request.POST.get("action", "")
    if action.removeprefix("export-") in listing.FORMATS and ids:
        return _export(request, ids, action.removeprefix("export-"))
    user = cast(User, request.user)
    to = {"to_user": request.POST.get("user", "").strip(), "to_group": request.POST.get("group", "")}
    try:
        result = bulk.run(user, action=action, ids=ids, **to)
    except bulk.BulkRefused as error:
        messages.error(request, error.message)
        return redirect(_back(request))
    if result.done:
        messages.success(request, f"{_scans(len(result.done))} {bulk.DONE_WORDS[action]}.")
    for reason, refused in result.by_reason().items():
        not_done = f"{_scans(len(refused))} not {bulk.DONE_WORDS[action]}"
        names = [refusal.name for refusal in refused if refusal.name]
        more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
        shown = f": {', '.join(names[:SHOWN_NAMES])}{more}" if names else ""
        messages.warning(request, f"{not_done}{shown}. {reason}")
    return redirect(_back(request))


def _scans(number: int) -> str:
    return "1 scan" if number == 1 else f"{number} scans"


def _export(request: HttpRequest, ids: list[int], format: str) -> HttpResponseBase:
    """The selected rows in the order of the list they were selected in."""
    order = Worklist.of_query(request.user, request.POST.get("list", "")).order
    rows = pagination.sorted_rows(selectors.predictions(request.user).filter(pk__in=ids), order=order)
    name, filters = "worklist-selection", {"selected": ids}
    return exports.stream(request, rows, user=request.user, format=format, name=name, filters=filters)


@require_POST
def save_view(request: HttpRequest) -> HttpResponse:
    """Save the current filter and order under a name, and show it."""
    try:
        view = saved_views.save(
            cast(User, request.user), name=request.POST.get("name", ""), query=request.POST.get("query", "")
        )
    except saved_views.ViewRefused as error:
        messages.error(request, error.message)
        return redirect(_back(request))
    return redirect(f"{reverse('history')}?{view.query}")


@require_POST
def change_view(request: HttpRequest, view_id: int) -> HttpResponse:
    """Rename a saved view, or delete it."""
    view = get_object_or_404(SavedView.objects.select_related("user"), pk=view_id, user=request.user.pk)
    if request.POST.get("delete"):
        saved_views.delete(view)
        messages.success(request, f"The view {view.name} is deleted.")
        return redirect(_back(request))
    try:
        saved_views.rename(view, name=request.POST.get("name", ""))
    except saved_views.ViewRefused as error:
        messages.error(request, error.message)
    return redirect(_back(request))


@require_POST
def page_size(request: HttpRequest) -> HttpResponse:
    """Remember how many rows the person wants on a page."""
    size = request.POST.get("size", "")
    try:
        saved_views.set_page_size(
            cast(User, request.user), size=int(size) if size.isascii() and size.isdecimal() and len(size) < 5 else 0
        )
    except saved_views.ViewRefused as error:
        messages.error(request, error.message)
    return redirect(_back(request))


@require_POST
def assign(request: HttpRequest, case_id: int) -> HttpResponse:
    """Ask a person or a group to read a case."""
    case = get_object_or_404(selectors.cases(request.user), pk=case_id)
    try:
        to = Assignee.named(user=request.POST.get("user", "").strip(), group=request.POST.get("group", ""))
        sharing.assign(case, to=to, actor=cast(User, request.user))
    except SharingForbidden:
        raise PermissionDenied from None
    except SharingError as error:
        messages.error(request, error.message)
    return redirect(case)


@require_POST
def withdraw(request: HttpRequest, case_id: int, assignment_id: int) -> HttpResponse:
    """End an assignment; an assignee who gives a case back may no longer see it, and goes to the worklist."""
    case = get_object_or_404(selectors.cases(request.user), pk=case_id)
    found = get_object_or_404(Assignment.objects.select_related("case", "user", "group"), pk=assignment_id, case=case)
    try:
        sharing.withdraw(found, actor=cast(User, request.user))
    except SharingForbidden:
        raise PermissionDenied from None
    return redirect("history") if found.user_id == request.user.pk else redirect(case)


def _back(request: HttpRequest) -> str:
    target = request.POST.get("next", "")
    allowed = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return target if allowed else reverse("history")
