"""Lists and reports as downloads, for pages and API alike. Each is audited.

The caller has read the rows through `selectors`, so the user may see them.
"""

from collections.abc import Mapping
from typing import Any

from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone

from diagnosis.access import audit
from diagnosis.access.users import AnyUser
from diagnosis.models import Prediction
from diagnosis.reports import listing

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
    """The rows as an attachment, written while they are read.

    format: of listing.FORMATS. name: of the file, without its ending. target: what the audit row is about, if the list
    is one thing's. filters: what narrowed the list, for the audit. `?bom=false` leaves out the byte order mark.
    """
    if format == "csv":
        text = listing.as_csv(rows, bom=request.GET.get("bom", "").lower() not in ("false", "0", "no"))
    else:
        text = listing.as_json(rows)
    if request.method != "HEAD":
        shown = {"format": format, "rows": rows.order_by().count(), "filters": dict(filters)}
        audit.record("list.exported", actor=user, target=target, **shown)
    response = StreamingHttpResponse(text, content_type=CONTENT_TYPES[format])
    return attachment(response, f"{name}-{timezone.localtime():%Y-%m-%d}.{format}")


def attachment(response: HttpResponseBase, name: str) -> HttpResponseBase:
    """The response as a download that no browser interprets or keeps. name: of plain letters, digits, - and dots."""
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response.headers["Cache-Control"] = "private, no-store"
    return response
