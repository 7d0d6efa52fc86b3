"""One prediction's page, the status poll of all pages, and retry and cancel."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from diagnosis.access import audit, selectors
from diagnosis.access.permissions import may_change
from diagnosis.inference import broker, pipeline
from diagnosis.models import Prediction
from diagnosis.models.prediction import REUSABLE
from diagnosis.presentation import estimates, labels
from ml.evidence.drawing import OPACITY


@require_safe
def prediction(request: HttpRequest, prediction_id: int) -> HttpResponse:
    """A result, or how far it is. Looking at a result is audited."""
    found = get_object_or_404(selectors.result(request.user, prediction_id=prediction_id))
    estimates.with_estimates([found], look_up=True)
    if found.state in REUSABLE:
        audit.record("result.viewed", actor=request.user, target=found)
    previous, following = selectors.neighbors(found)
    runs = labels.with_calibration(selectors.predictions(request.user).filter(scan=found.scan_id))
    context = {
        "p": found,
        "previous": previous,
        "following": following,
        "other_runs": [run for run in runs if run.pk != found.pk],
        "start": _start(request, found),
        "opacity": round(OPACITY * 100),
        "view": "result",
    }
    return render(request, "diagnosis/result.html", context)


def _start(request: HttpRequest, found: Prediction) -> int:
    """Index of the slice of a series to show first: the asked one, else the most telling one, else the middle one."""
    asked = request.GET.get("slice", "")
    if asked.isascii() and asked.isdecimal() and 1 <= int(asked[:6]) <= found.scan.frames:
        return int(asked) - 1
    return found.key_slice.index if found.key_slice else found.scan.frames // 2


@require_safe
def scan(request: HttpRequest, scan_id: int) -> HttpResponse:
    """A scan's page is the page of its newest prediction."""
    found = get_object_or_404(selectors.scans(request.user), pk=scan_id)
    newest = selectors.predictions(request.user).filter(scan=found).order_by("-id").first()
    return redirect(newest or found.case)


@require_safe
def status(request: HttpRequest) -> HttpResponse:
    """How far the asked predictions are: one fragment for each, swapped into the page wherever it stands.

    One request serves a whole page, and its answer takes the polling element away once nothing is in progress.
    """
    asked = estimates.polled_ids(request.GET.getlist("id"))
    view = _view(request.GET)
    rows = labels.with_calibration(selectors.statuses(request.user, prediction_ids=asked)) if asked else ()
    known = estimates.with_estimates(rows, look_up=False)
    context = {
        "active": [row for row in known if row.is_active],
        "ended": [row for row in known if not row.is_active],
        "unknown": sorted(set(asked) - {row.pk for row in known}),
        "view": view,
        "fragment": estimates.FRAGMENTS[view],
        "oob": True,
    }
    return render(request, "diagnosis/_fragments/status.html", context)


@require_safe
def queue_indicator(request: HttpRequest) -> HttpResponse:
    """How busy the site is, for the top bar."""
    summary = selectors.queue_summary()
    busy = summary["waiting"] + summary["running"]
    each = estimates.seconds_each(look_up=True) if busy else None
    context = summary | {
        "busy": busy,
        "estimate": None if each is None else each * busy,
        "worker": broker.worker_status(),
    }
    return render(request, "diagnosis/_fragments/queue.html", context)


@require_POST
def retry(request: HttpRequest, prediction_id: int) -> HttpResponse:
    return _change(request, prediction_id, pipeline.retry)


@require_POST
def cancel(request: HttpRequest, prediction_id: int) -> HttpResponse:
    return _change(request, prediction_id, pipeline.cancel)


def _change(request: HttpRequest, prediction_id: int, action: Callable[..., bool]) -> HttpResponse:
    found = get_object_or_404(selectors.predictions(request.user), pk=prediction_id)
    if not may_change(request.user, found.scan.case):
        raise PermissionDenied
    if not action(prediction=found, actor=request.user):
        messages.warning(request, "Its state had changed meanwhile; nothing was done. This is how it stands now.")
    if not request.headers.get("HX-Request"):
        return redirect(_way_back(request, found))
    view = _view(request.POST)
    rows = labels.with_calibration(selectors.statuses(request.user, prediction_ids=[prediction_id]))
    [row] = estimates.with_estimates(rows, look_up=False)
    context = {"p": row, "view": view, "fragment": estimates.FRAGMENTS[view], "announce": True}
    return render(request, "diagnosis/_fragments/changed.html", context)


def _view(data: Any) -> str:
    view = data.get("view", "")
    return view if view in estimates.FRAGMENTS else "row"


def _way_back(request: HttpRequest, found: Prediction) -> str:
    target = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}, require_https=request.is_secure()):
        return target
    return found.get_absolute_url()
