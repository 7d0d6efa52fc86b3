"""Lists and reports as downloads, for pages and API alike. Each is audited.

The caller has read the rows through `selectors`, so the user may see them.
"""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Max, Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.utils import timezone

from diagnosis.access import audit, blinding, selectors
from diagnosis.access.users import AnyUser
from diagnosis.models import AuditEvent, Case, Prediction
from diagnosis.models.prediction import REUSABLE
from diagnosis.reports import audit_listing, contents, fhir, listing, readings
from diagnosis.reports.contents import Origin, ScanReport
from diagnosis.reports.errors import NoReport

SCANS_A_FILE = 50
"""Scans in one PDF of a case: about 10 MB and some seconds. A larger case is a file for each part."""

BOM = {"": True, **dict.fromkeys(("true", "1", "yes"), True), **dict.fromkeys(("false", "0", "no"), False)}
"""Whether CSV begins with a byte order mark, by what `?bom=` says in small letters."""

CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


def stream(
    request: HttpRequest,
    rows: QuerySet[Prediction],
    *,
    user: AnyUser,
    format: str,
    name: str,
    target: Model | None = None,
    filters: Mapping[str, Any],
) -> HttpResponseBase:
    """The rows as an attachment, streamed.

    format: of listing.FORMATS. name: of the file, without its ending. target: what the audit row is about, if the list
    is one thing's. filters: what narrowed the list, for the audit. `?bom=false` leaves out the byte order mark.
    """
    if format == "csv":
        text = listing.as_csv(rows, user=user, bom=_with_bom(request))
    else:
        text = listing.as_json(rows, user=user)
    if request.method != "HEAD":
        shown = {"format": format, "rows": rows.order_by().count(), "filters": dict(filters)}
        told = blinding.revealed(rows).filter(state__in=REUSABLE).order_by().values_list("pk", flat=True)
        audit.record_disclosure("list.exported", actor=user, target=target, predictions=told, details=shown)
    response = StreamingHttpResponse(text, content_type=CONTENT_TYPES[format])
    return attachment(response, f"{name}-{timezone.localtime():%Y-%m-%d}.{format}")


def audit_csv(
    request: HttpRequest, rows: QuerySet[AuditEvent], *, user: AnyUser, filters: Mapping[str, Any]
) -> HttpResponseBase:
    """Events of the audit trail as CSV, streamed. filters: what narrowed them, for the audit."""
    rows = rows.filter(pk__lte=newest) if (newest := rows.order_by().aggregate(last=Max("pk"))["last"]) else rows
    if request.method != "HEAD":
        audit.record("audit.exported", actor=user, filters=dict(filters))
    text = audit_listing.as_csv(rows, bom=_with_bom(request))
    response = StreamingHttpResponse(text, content_type=CONTENT_TYPES["csv"])
    return attachment(response, f"audit-{timezone.localtime():%Y-%m-%d}.csv")


def _with_bom(request: HttpRequest) -> bool:
    return BOM.get(request.GET.get("bom", "").lower(), True)


def scan_pdf(request: HttpRequest, prediction: Prediction, *, user: AnyUser) -> HttpResponseBase:
    """The report on a prediction, a row of `selectors.result`. Raises NoReport."""
    from diagnosis.reports import pdf  # ReportLab takes half a second to load, and most processes never need it

    data = pdf.of_scan(_report(prediction, user), origin=_origin(request, user, prediction))
    _audit(request, user, prediction, format="pdf")
    return attachment(HttpResponse(data, content_type="application/pdf"), f"report-{prediction.pk}.pdf")


def scan_fhir(request: HttpRequest, prediction: Prediction, *, user: AnyUser) -> HttpResponseBase:
    """The report on a prediction, a row of `selectors.result`, as FHIR resource with the PDF in it. Raises NoReport."""
    from diagnosis.reports import pdf

    report, origin = _report(prediction, user), _origin(request, user, prediction)
    site = request.build_absolute_uri("/")
    resource = fhir.diagnostic_report(report, origin=origin, site=site, pdf=pdf.of_scan(report, origin=origin))
    _audit(request, user, prediction, format="fhir")
    response = JsonResponse(resource, content_type=fhir.MEDIA_TYPE, json_dumps_params={"ensure_ascii": False})
    return attachment(response, f"report-{prediction.pk}.fhir.json")


def case_pdf(request: HttpRequest, case: Case, *, user: AnyUser) -> HttpResponseBase:
    """The report on a case, or on the part of it that `?part=` names, from 1.

    Scans whose result is not there, or is hidden from the user, say so. Raises Http404 for a part that is not there.
    """
    from diagnosis.reports import pdf

    asked = request.GET.get("part", "1")
    part = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 7 else 0
    ids = list(selectors.newest_predictions(user, case=case).values_list("pk", flat=True))
    shown = ids[(part - 1) * SCANS_A_FILE : part * SCANS_A_FILE] if part else []
    if not shown and (ids or part != 1):
        raise Http404("the case's report has no such part")
    rows = list(selectors.results(user, prediction_ids=shown))
    reviews = readings.reviews_by_scan(user, scans=[row.scan_id for row in rows])
    report = contents.of_case(case, rows, total=len(ids), part=part, size=SCANS_A_FILE, reviews=reviews)
    data = pdf.of_case(report, origin=_origin(request, user, case))
    with transaction.atomic():
        _audit(request, user, case, format="pdf", part=part)
        for row in rows:
            if not row.blinded:  # so that it is known who has seen what the model says of which scan
                _audit(request, user, row, format="pdf", case=case.pk)
    response = HttpResponse(data, content_type="application/pdf")
    return attachment(response, f"report-case-{case.pk}{f'-part-{part}' if report.parts > 1 else ''}.pdf")


def _report(prediction: Prediction, user: AnyUser) -> ScanReport:
    if prediction.is_active:
        raise NoReport("wrong_state", "The scan is still being analyzed. There is a report once that has ended.")
    if prediction.blinded:
        raise NoReport("not_read_yet", readings.HIDDEN)
    return contents.of_prediction(
        prediction, reviews=readings.reviews_by_scan(user, scans=[prediction.scan_id])[prediction.scan_id]
    )


def _origin(request: HttpRequest, user: AnyUser, target: Prediction | Case) -> Origin:
    address = request.build_absolute_uri(target.get_absolute_url())
    return Origin(user=user.get_username(), made=timezone.now(), address=address)


def _audit(request: HttpRequest, user: AnyUser, target: Model, **details: Any) -> None:
    if request.method != "HEAD":
        audit.record("report.downloaded", actor=user, target=target, **details)


def attachment(response: HttpResponseBase, name: str) -> HttpResponseBase:
    """The response as a download that no browser interprets or keeps. name: of plain letters, digits, - and dots."""
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response.headers["Cache-Control"] = "private, no-store"
    return response
