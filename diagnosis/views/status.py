"""The status poll that every page shares, and the queue indicator in the top bar.

One request polls for a whole page. Each answer holds a fragment per prediction, which htmx swaps in wherever that
prediction stands; once nothing is in progress, the answer removes the polling element.
"""

from collections.abc import Iterable, Mapping

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from diagnosis.access import selectors
from diagnosis.access.users import AnyUser
from diagnosis.inference import heartbeats
from diagnosis.models import Prediction
from diagnosis.presentation import estimates, labels, upload_list
from diagnosis.reviews.consensus import with_review_state

FRAGMENTS = {
    "row": "diagnosis/_fragments/history_row.html",
    "upload": "diagnosis/_fragments/upload_ended.html",
    "badge": "diagnosis/_fragments/scan_card.html",
    "result": "diagnosis/_fragments/result_ready.html",
}
"""The template that replaces an ended prediction's row, by the `view` parameter: the page that polls."""

MAX_POLLED = 200
"""Most predictions that one request answers for. static/js/app.js asks for as many, and for the rest as those end."""


@require_safe
def status(request: HttpRequest) -> HttpResponse:
    """The state of each asked prediction that the user may see, as fragments."""
    asked = polled_ids(request.GET.getlist("id"))
    view = requested_view(request.GET)
    found = shown(request, prediction_ids=asked) if asked else []
    context = {
        "active": [row for row in found if row.is_active],
        "ended": for_view(view, [row for row in found if not row.is_active], user=request.user),
        "unknown": sorted(set(asked) - {row.pk for row in found}),
        "view": view,
        "list_query": request.GET.get("list"),
        "fragment": FRAGMENTS[view],
        "oob": True,
    }
    return render(request, "diagnosis/_fragments/status.html", context)


def shown(request: HttpRequest, *, prediction_ids: Iterable[int]) -> list[Prediction]:
    """The predictions that the user may see, with everything that their rows show. One query."""
    rows = labels.with_calibration(selectors.statuses(request.user, prediction_ids=prediction_ids))
    return estimates.with_estimates(with_review_state(rows, user=request.user), look_up=False)


@require_safe
def queue_indicator(request: HttpRequest) -> HttpResponse:
    """How busy the site is, for the top bar."""
    summary = selectors.queue_summary()
    busy = summary["waiting"] + summary["running"]
    each = estimates.seconds_each(look_up=True) if busy else None
    context = summary | {
        "busy": busy,
        "estimate": None if each is None else each * busy,
        "worker": heartbeats.worker_status(),
    }
    return render(request, "diagnosis/_fragments/queue.html", context)


def requested_view(data: Mapping[str, str]) -> str:
    """The `view` parameter; the worklist's row for any value that is not a key of FRAGMENTS."""
    view = data.get("view", "")
    return view if view in FRAGMENTS else "row"


def for_view(view: str, found: list[Prediction], *, user: AnyUser) -> list[Prediction]:
    """The predictions with what that view's fragment needs besides."""
    return upload_list.of_predictions(found, user=user) if view == "upload" else found


def polled_ids(values: Iterable[str]) -> list[int]:
    """The ids among `values`, each once, at most MAX_POLLED. Anything else is skipped."""
    return ids_in(values)[:MAX_POLLED]


def ids_in(values: Iterable[str]) -> list[int]:
    """The ids among `values`, each once. Anything else is skipped."""
    return list(dict.fromkeys(int(v) for v in values if v.isascii() and v.isdecimal() and len(v) < 19))
