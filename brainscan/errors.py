"""Django's error handlers: problem details under /api/, /dicomweb/ and /health/, HTML pages everywhere else.

The API's own exception handler covers its views; these cover errors raised outside of them, such as in middleware.
"""

import sys

from django.http import HttpRequest, HttpResponse

from diagnosis.api import problems
from diagnosis.presentation.unavailable import of_error
from diagnosis.views import errors as pages


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if not is_api(request):
        return pages.bad_request(request, exception)
    return problems.response(request, status=400, code="bad_request", detail="The request cannot be understood.")


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if not is_api(request):
        return pages.forbidden(request, exception)
    return problems.response(request, status=403, code="permission_denied", detail="You may not do this.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    if not is_api(request):
        return pages.csrf_failure(request, reason)
    return problems.response(request, status=403, code="csrf_failed", detail="The CSRF token is missing or old.")


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if not is_api(request):
        return pages.not_found(request, exception)
    return problems.unknown_address(request)


def server_error(request: HttpRequest) -> HttpResponse:
    if not is_api(request):
        return pages.server_error(request)
    if why := of_error(sys.exc_info()[1]):
        return problems.unavailable(request, why)
    detail = "Something went wrong on the server. Its log has the cause under this request_id."
    return problems.response(request, status=500, code="internal", detail=detail)


def is_api(request: HttpRequest) -> bool:
    return request.path.startswith(("/api/", "/dicomweb/", "/health/"))
