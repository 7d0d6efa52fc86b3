"""One prediction's result page, and its retry and cancel buttons."""

from collections.abc import Callable

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from diagnosis.access import audit, selectors
from diagnosis.access.permissions import may_run
from diagnosis.inference import transitions
from diagnosis.models import Prediction
from diagnosis.models.prediction import REUSABLE
from diagnosis.presentation import estimates, labels
from diagnosis.views import review_panel
from diagnosis.views.status import FRAGMENTS, for_view, requested_view, shown
from diagnosis.worklist import walk
from ml.evidence.drawing import OPACITY


@require_safe
def prediction(request: HttpRequest, prediction_id: int) -> HttpResponse:
    """The result, or the progress until there is one. Viewing a result is audited."""
    found = get_object_or_404(selectors.result(request.user, prediction_id=prediction_id))
    estimates.with_estimates([found], look_up=True)
    if found.blinded:
        audit.record("scan.viewed", actor=request.user, target=found.scan, prediction=found.pk)
    elif found.state in REUSABLE:
        audit.record("result.viewed", actor=request.user, target=found)
    return page(request, found, panel=review_panel.of(request, found))


def page(request: HttpRequest, found: Prediction, *, panel: review_panel.Panel, status: int = 200) -> HttpResponse:
    """The result page. found: from `selectors.result`."""
    list_query = request.POST.get("list") if request.method == "POST" else request.GET.get("list")
    steps = None if list_query is None else walk.through(request.user, list_query, at=found)
    in_case = selectors.adjacent(found)
    previous, following = (steps.previous, steps.following) if steps else in_case
    runs = labels.with_calibration(selectors.predictions(request.user).filter(scan=found.scan_id))
    context = {
        "p": found,
        "previous": previous,
        "following": following,
        "comparable": any(in_case),
        "walk": steps,
        "list_query": list_query,
        "other_runs": [run for run in runs if run.pk != found.pk],
        "start": _first_slice(request, found),
        "opacity": round(OPACITY * 100),
        "view": "result",
        "panel": panel,
        "locations": panel.locations,
    }
    return render(request, "diagnosis/result.html", context, status=status)


def _first_slice(request: HttpRequest, found: Prediction) -> int:
    """Index of the slice to show first: the one in `?slice=` (from 1), else the key slice, else the middle one."""
    asked = request.GET.get("slice", "")
    if asked.isascii() and asked.isdecimal() and 1 <= int(asked[:6]) <= found.scan.frames:
        return int(asked) - 1
    return found.key_slice.index if found.key_slice else found.scan.frames // 2


@require_safe
def scan(request: HttpRequest, scan_id: int) -> HttpResponse:
    """Redirects to the scan's newest prediction."""
    found = get_object_or_404(selectors.scans(request.user), pk=scan_id)
    newest = selectors.predictions(request.user).filter(scan=found).order_by("-id").first()
    return redirect(newest or found.case)


@require_POST
def retry(request: HttpRequest, prediction_id: int) -> HttpResponse:
    return _change(request, prediction_id, transitions.retry)


@require_POST
def cancel(request: HttpRequest, prediction_id: int) -> HttpResponse:
    return _change(request, prediction_id, transitions.cancel)


def _change(request: HttpRequest, prediction_id: int, action: Callable[..., bool]) -> HttpResponse:
    """Run `action`, then send the prediction's new row to a script, or the browser back to its page."""
    found = get_object_or_404(selectors.predictions(request.user), pk=prediction_id)
    if not may_run(request.user, found):
        raise PermissionDenied
    if not action(prediction=found, actor=request.user):
        messages.warning(
            request, "Nothing was done: the prediction changed meanwhile. The page shows its current state."
        )
    if not request.headers.get("HX-Request"):
        return redirect(_next_url(request, found))
    view = requested_view(request.POST)
    [row] = for_view(view, shown(request, prediction_ids=[prediction_id]), user=request.user)
    context = {"p": row, "view": view, "fragment": FRAGMENTS[view], "list_query": request.POST.get("list")}
    return render(request, "diagnosis/_fragments/changed.html", context)


def _next_url(request: HttpRequest, found: Prediction) -> str:
    target = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}, require_https=request.is_secure()):
        return target
    return found.get_absolute_url()
