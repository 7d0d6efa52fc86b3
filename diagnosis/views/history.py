"""The worklist: every prediction that the user may see, filtered, sorted and paged. The URL holds all choices."""

from datetime import timedelta
from typing import Any, cast

from django.contrib import messages
from django.forms import ModelChoiceField
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from diagnosis.access import pagination, selectors, sharing
from diagnosis.access.pagination import Page
from diagnosis.models import Prediction
from diagnosis.models.saved_view import PAGE_SIZES
from diagnosis.presentation import labels
from diagnosis.reviews.consensus import with_review_state
from diagnosis.worklist import active_filters, bulk, columns, saved_views, walk
from diagnosis.worklist.query import CURSORS, NEWEST_FIRST, Worklist
from diagnosis.worklist.tabs import tabs

UNCOMMITTED_FOR = timedelta(seconds=5)
"""How long an upload may take from a scan's time to its commit. Answers overlap by that; the page drops repeated
rows."""


@require_safe
def history(request: HttpRequest) -> HttpResponse:
    """One page of the worklist. The number of queries does not depend on its length."""
    worklist = Worklist(request.user, request.GET)
    cast("ModelChoiceField[Any]", worklist.filter.form.fields["model"]).empty_label = "Any model"
    views, size = saved_views.of(request.user), saved_views.page_size(request.user)
    page = _page(worklist, size)
    shown = tabs(worklist, views)
    context = {
        "page": page,
        "tabs": shown,
        "count": shown.count,
        "filter": worklist.filter,
        "applied": active_filters.applied(worklist, in_tab=shown.in_tab),
        "columns": columns.headings(worklist.sort),
        "orders": columns.offered(worklist.sort),
        "query": request.GET.get("q", ""),
        "list_query": worklist.without("at").urlencode(),
        "saved_query": worklist.without(*CURSORS).urlencode(),
        "page_sizes": [(offered, offered == size) for offered in PAGE_SIZES],
        "view": "row",
        "at": _number(request.GET.get("at", "")),
        "active": any(row.is_active for row in page),
        "bulk_actions": bulk.offered(),
        "assignees": sharing.assignees(),
        "rows_come": worklist.sort == NEWEST_FIRST and not page.previous_cursor,
        "shown_at": timezone.now(),
    }
    if not page:
        context["samples"] = selectors.cases(request.user).filter(simulated=True)[:3]
        context["nothing_yet"] = not request.GET or not worklist.visible.exists()
    return render(request, "diagnosis/history.html", context)


def _rows(worklist: Worklist) -> Any:
    return with_review_state(labels.with_calibration(worklist.rows), user=worklist.user)


def _page(worklist: Worklist, size: int) -> Page[Prediction]:
    """The page that a cursor names; if that lacks the row of `?at=`, the one around this row."""
    rows = _rows(worklist)
    page = pagination.page(rows, order=worklist.order, data=worklist.data, size=size)
    at = _number(worklist.data.get("at", ""))
    if at is None or any(row.pk == at for row in page):
        return page
    row = pagination.sorted_rows(worklist.visible.filter(pk=at), order=worklist.order).first()
    return page if row is None else pagination.page_around(rows, order=worklist.order, row=row, size=size)


@require_safe
def fresh(request: HttpRequest) -> HttpResponse:
    """The rows that came since the time in `?since=`, under the list's filters: an open worklist adds them itself."""
    now = timezone.now()
    worklist = Worklist(request.user, request.GET)
    since = columns.moment(request.GET.get("since", ""), less=UNCOMMITTED_FOR) or now
    rows = _rows(worklist).filter(created__gt=since).order_by("-created", "-id")[: PAGE_SIZES[-1]]
    context = {
        "rows": list(rows),
        "shown_at": now,
        "view": "row",
        "list_query": worklist.without("at", "since").urlencode(),
    }
    return render(request, "diagnosis/_fragments/fresh_rows.html", context)


@require_safe
def next_unread(request: HttpRequest) -> HttpResponse:
    """Go to the next scan of the list that nobody has read: after that of `?from=`, else from the list's start."""
    query = request.GET.get("list", "")
    at = _number(request.GET.get("from", ""))
    after = get_object_or_404(selectors.predictions(request.user), pk=at) if at is not None else None
    found = walk.next_unread(request.user, query, after=after)
    if found is not None:
        return redirect(f"{reverse('prediction', args=[found])}?{columns.list_parameter(query)}")
    messages.info(request, "Nothing in this list is unread.")
    return redirect(f"{reverse('history')}?{query}")


def _number(text: str) -> int | None:
    """A row's id in the URL."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None
