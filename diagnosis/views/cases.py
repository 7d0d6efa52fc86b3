"""The list of cases, and one case with all its scans."""

from datetime import date
from itertools import groupby
from typing import cast

from django.db.models import Count, OuterRef, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from diagnosis.access import blinding, pagination, selectors, sharing, timeline, viewing
from diagnosis.access.filters import CaseFilter
from diagnosis.access.permissions import may_change
from diagnosis.access.users import User
from diagnosis.cases.notes import may_write
from diagnosis.models import Case, Prediction
from diagnosis.presentation import labels
from diagnosis.presentation.timeline import entries
from diagnosis.worklist.tabs import STATUS_TABS

CASES_A_PAGE = 25
NEWEST_FIRST = pagination.Order("id", int, descending=True)
OLDEST_FIRST = pagination.Order("scan_id", int)
SCANS_A_PAGE = 60
NOTES_SHOWN, EVENTS_SHOWN = 200, 8


@require_safe
def case_list(request: HttpRequest) -> HttpResponse:
    """Cases, newest first, each with counts of its scans' newest results."""
    chosen = CaseFilter(request.GET, queryset=selectors.cases(request.user).prefetch_related("labels"))
    page = pagination.page(chosen.qs, order=NEWEST_FIRST, data=request.GET, size=CASES_A_PAGE)
    _tally(request, page.rows)
    viewing.note_counts(case.pk for case in page.rows)
    context = {
        "page": page,
        "query": request.GET.get("q", ""),
        "label": request.GET.get("label", ""),
    }
    return render(request, "diagnosis/cases.html", context)


@require_safe
def case_detail(request: HttpRequest, case_id: int) -> HttpResponse:
    """One case with its scans by day, each with its newest prediction; its notes, labels and what was done last."""
    case = get_object_or_404(selectors.cases(request.user).prefetch_related("labels"), pk=case_id)
    newest = labels.with_calibration(selectors.newest_predictions(request.user, case=case))
    page = pagination.page(newest, order=OLDEST_FIRST, data=request.GET, size=SCANS_A_PAGE)
    context = {
        "case": case,
        "page": page,
        "days": [(day, list(rows)) for day, rows in groupby(page, key=_day)],
        "notes": case.notes.all()[:NOTES_SHOWN],
        "may_note": may_write(cast(User, request.user), case),
        "entries": entries(request.user, list(timeline.events(request.user, case=case)[:EVENTS_SHOWN])),
        "view": "badge",
        "active": any(prediction.is_active for prediction in page),
        "assignments": case.assignments.select_related("user", "group", "assigned_by"),
        "assignees": sharing.assignees(),
        "may_assign": may_change(request.user, case),
    }
    return render(request, "diagnosis/case.html", context)


def _day(prediction: Prediction) -> date:
    """The day on which the scan was uploaded. Dates of acquisition are not kept."""
    return timezone.localdate(prediction.scan.created)


def _tally(request: HttpRequest, cases: list[Case]) -> None:
    """Give each case `tally`: how many of its scans each tab of the worklist counts. One query."""
    latest = Prediction.objects.filter(scan=OuterRef("pk")).order_by("-id").values("pk")[:1]
    scans = selectors.scans(request.user).filter(case__in=cases).order_by().annotate(latest=Subquery(latest))
    newest = selectors.predictions(request.user).filter(pk__in=scans.values("latest")).order_by()
    status = blinding.shown(newest, "worklist_status", hidden=blinding.BLINDED)
    rows = newest.annotate(status=status).values_list("scan__case", "status").annotate(n=Count("pk"))
    counts = {(case, status): n for case, status, n in rows}
    for case in cases:
        by_tab = ((tab, counts.get((case.pk, tab.worklist_status), 0)) for tab in STATUS_TABS)
        case.tally = [(tab, n) for tab, n in by_tab if n]  # type: ignore[attr-defined]
