"""The audit trail, for staff with the permission to view it."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from diagnosis.access import audit, audit_chain, audit_trail, pagination
from diagnosis.reports import exports

EVENTS_A_PAGE = 50
NEWEST_FIRST = pagination.Order("id", int, descending=True)


@require_safe
def audit_page(request: HttpRequest) -> HttpResponse:
    """One page of events, newest first, under the filters of the URL. Looking at it is an event, too."""
    chosen = _chosen(request)
    rows = chosen.qs if chosen.is_valid() else audit_trail.events(request.user)
    page = pagination.page(rows, order=NEWEST_FIRST, data=request.GET, size=EVENTS_A_PAGE)
    if request.method != "HEAD":
        audit.record("audit.viewed", actor=request.user, filters=audit_trail.applied(chosen))
    context = {"page": page, "filter": chosen, "head": audit_chain.head()}
    return render(request, "diagnosis/audit.html", context)


@require_safe
def export(request: HttpRequest) -> HttpResponseBase:
    """All events under the filters of the URL, as CSV. 400 if a filter is invalid: the file could not say so."""
    chosen = _chosen(request)
    if not chosen.is_valid():
        return render(request, "diagnosis/audit.html", {"page": pagination.Page([]), "filter": chosen}, status=400)
    return exports.audit_csv(request, chosen.qs, user=request.user, filters=audit_trail.applied(chosen))


def _chosen(request: HttpRequest) -> audit_trail.AuditFilter:
    if not audit_trail.may_read(request.user):
        raise PermissionDenied
    return audit_trail.AuditFilter(request.GET, queryset=audit_trail.events(request.user))
