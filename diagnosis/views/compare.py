"""Two scans of a case side by side."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from diagnosis.access import audit, selectors
from diagnosis.models import Prediction
from diagnosis.models.prediction import REUSABLE
from diagnosis.presentation import labels, stack_center
from ml.evidence.drawing import OPACITY

MAX_CHOICES = 200
"""Scans of a case to choose from, the newest ones."""


@require_safe
def compare(request: HttpRequest, case_id: int) -> HttpResponse:
    """Scans `?a=` and `?b=` of the case; without `b` the one before `a`, without both the last two. Viewing them is
    audited."""
    case = get_object_or_404(selectors.cases(request.user), pk=case_id)
    newest = selectors.newest_predictions(request.user, case=case).order_by("-scan_id")[:MAX_CHOICES]
    rows = list(labels.with_calibration(newest))[::-1]
    pair = _pair(rows, request.GET.get("a", ""), request.GET.get("b", ""))
    for one in pair:
        one.center = stack_center.of_scan(one.scan)  # type: ignore[attr-defined]
        one.start = one.key_slice.index if one.key_slice else one.scan.frames // 2  # type: ignore[attr-defined]
        if one.state in REUSABLE and not getattr(one, "blinded", False):
            audit.record("result.viewed", actor=request.user, target=one)
    context = {"case": case, "rows": rows, "pair": pair, "opacity": round(OPACITY * 100)}
    return render(request, "diagnosis/compare.html", context)


def _pair(rows: list[Prediction], a: str, b: str) -> list[Prediction]:
    """The two to show, empty if the case has no two scans. Raises Http404 for a scan that is not among `rows`."""
    indices = {str(row.scan_id): index for index, row in enumerate(rows)}
    if any(asked and asked not in indices for asked in (a, b)):
        raise Http404("no such scan in this case")
    if len(rows) < 2:
        return []
    second = indices[b] if b else None
    first = indices[a] if a else (len(rows) - 2 if second != len(rows) - 2 else len(rows) - 1)
    if second is None:
        second = first - 1 if a and first else first + 1
    return [rows[first], rows[second]]
