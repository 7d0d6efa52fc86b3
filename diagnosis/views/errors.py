"""The error pages: what happened, what to do, and an id to quote.

They must work when much else is broken, so they use neither context processors nor the database.
"""

import sys

import structlog
from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFilesSent
from django.http import HttpRequest, HttpResponse
from django.template import loader

from diagnosis.presentation import unavailable
from diagnosis.presentation.missing import FileMissing

_log = structlog.get_logger(__name__)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400, or 413 if the request was too large to read."""
    if isinstance(exception, RequestDataTooBig | TooManyFilesSent):
        return too_large(request, exception)
    return _page(request, 400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page(request, 403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form with a missing or old CSRF token, usually from a page opened before the last login."""
    return _page(request, 403, csrf=True)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page(request, 404, file_missing=isinstance(exception, FileMissing), reason=str(exception or ""))


def too_large(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page(request, 413)


def server_error(request: HttpRequest) -> HttpResponse:
    """503 (507: no room) if database or disk cannot serve the request, else 500; plain text without a template.

    Django calls it while it handles the exception.
    """
    try:
        if known := unavailable.of_error(sys.exc_info()[1]):
            response = _page(request, 503, reason=known.reason)
            response.status_code, response.headers["Retry-After"] = known.status, str(known.seconds)
            return response
        return _page(request, 500)
    except Exception:
        _log.exception("the error page failed")
        return HttpResponse("Something went wrong on the server.", status=500, content_type="text/plain")


def _page(request: HttpRequest, status: int, **extra: object) -> HttpResponse:
    context = {
        "status": status,
        "request_id": getattr(request, "request_id", ""),
        "path": request.path,
        "max_upload_mb": settings.MAX_UPLOAD_MB,
        "max_files": settings.DATA_UPLOAD_MAX_NUMBER_FILES,
    }
    return HttpResponse(loader.render_to_string(f"{status}.html", context | extra), status=status)
