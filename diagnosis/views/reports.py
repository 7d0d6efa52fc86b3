"""Reports and lists as downloads."""

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from diagnosis.access import pagination, selectors
from diagnosis.reports import exports, listing
from diagnosis.reports.errors import NoReport
from diagnosis.worklist.query import CURSORS, Worklist


@require_safe
def worklist(request: HttpRequest) -> HttpResponseBase:
    """The worklist as CSV or JSON: all pages of it, under its filters and in its order."""
    format = _format(request)
    chosen = Worklist(request.user, request.GET)
    if not chosen.filter.is_valid():
        # The page shows which filter it left out; a file could not, and would hold more than was asked for.
        messages.warning(request, "Nothing was exported: a filter could not be read.")
        return redirect(f"{reverse('history')}?{request.GET.urlencode()}")
    rows = pagination.sorted_rows(chosen.rows, order=chosen.order)
    filters = {key: values for key, values in request.GET.lists() if key not in ("format", "bom", *CURSORS)}
    return exports.stream(request, rows, user=request.user, format=format, name="worklist", filters=filters)


@require_safe
def case_list(request: HttpRequest, case_id: int) -> HttpResponseBase:
    """Every prediction of a case as CSV or JSON, oldest first."""
    case = get_object_or_404(selectors.cases(request.user), pk=case_id)
    rows = selectors.predictions(request.user).filter(scan__case=case).order_by("id")
    name = f"case-{case.pk}"
    return exports.stream(request, rows, user=request.user, format=_format(request), name=name, target=case, filters={})


@require_safe
def prediction(request: HttpRequest, prediction_id: int) -> HttpResponseBase:
    """The report on a prediction, as PDF."""
    return _report(request, prediction_id, exports.scan_pdf)


@require_safe
def fhir(request: HttpRequest, prediction_id: int) -> HttpResponseBase:
    """The report on a prediction, as a FHIR resource."""
    return _report(request, prediction_id, exports.scan_fhir)


@require_safe
def case(request: HttpRequest, case_id: int) -> HttpResponseBase:
    """The report on a case, as PDF; `?part=` names a further part of a long one."""
    found = get_object_or_404(selectors.cases(request.user), pk=case_id)
    return exports.case_pdf(request, found, user=request.user)


def _report(request: HttpRequest, prediction_id: int, export: Callable[..., HttpResponseBase]) -> HttpResponseBase:
    found = get_object_or_404(selectors.result(request.user, prediction_id=prediction_id))
    try:
        return export(request, found, user=request.user)
    except NoReport as error:
        messages.warning(request, error.message)
        return redirect(found)


def _format(request: HttpRequest) -> str:
    format = request.GET.get("format", "csv")
    if format not in listing.FORMATS:
        raise Http404("csv and json are the formats there are")
    return format
