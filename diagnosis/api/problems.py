"""Every error of the API as problem details (RFC 9457), so that scripts see one shape whatever went wrong.

The response is built here, not by a renderer, so that views which send images answer with the same JSON.
"""

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from django.core import signals
from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFilesSent,
    ValidationError,
)
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponsePermanentRedirect,
    JsonResponse,
    UnreadablePostError,
)
from django.http.multipartparser import MultiPartParserError
from django.urls import Resolver404, resolve
from rest_framework import exceptions
from rest_framework.fields import get_error_detail
from rest_framework.settings import api_settings
from rest_framework.views import set_rollback

from diagnosis import intake
from diagnosis.access.refusals import Refused
from diagnosis.cases.errors import CaseForbidden, CaseRefused
from diagnosis.presentation.missing import FileMissing
from diagnosis.presentation.unavailable import Unavailable, of_error

MEDIA_TYPE = "application/problem+json"

_log = structlog.get_logger(__name__)


class Conflict(exceptions.APIException):
    """409: the object's state does not allow the request."""

    status_code = HTTPStatus.CONFLICT
    default_code = "wrong_state"
    default_detail = "The current state does not allow this."


class NoEvidence(exceptions.NotFound):
    """404: the prediction exists but has no evidence map."""

    default_code = "no_evidence"
    default_detail = "This prediction has no evidence map: it has no result, or its model records none."


class CaseProblem(exceptions.APIException):
    """Why a case was not changed: 403 without the right to, 400 for an invalid request, else 409."""

    _OF_INPUT = ("invalid_reference", "invalid_label", "too_many_labels", "empty_note", "note_too_long", "unknown_case")

    def __init__(self, error: CaseRefused) -> None:
        super().__init__(error.message, error.code)
        conflict = HTTPStatus.BAD_REQUEST if error.code in self._OF_INPUT else HTTPStatus.CONFLICT
        self.status_code = HTTPStatus.FORBIDDEN if isinstance(error, CaseForbidden) else conflict


class NotDone(exceptions.APIException):
    """Why nothing was assigned, saved or done: 403 without the right to, 409 for a conflict, else 400."""

    _CONFLICTS = ("already_owner", "gone", "view_name_taken", "too_many_views")

    def __init__(self, error: Refused) -> None:
        super().__init__(error.message, error.code)
        conflict = HTTPStatus.CONFLICT if error.code in self._CONFLICTS else HTTPStatus.BAD_REQUEST
        self.status_code = HTTPStatus.FORBIDDEN if error.code == "permission_denied" else conflict


class NothingAccepted(exceptions.APIException):
    """No file of the upload was accepted: 413 if all were too large, else 400. `extra` says which and why."""

    default_code = "nothing_accepted"

    def __init__(self, receipt: intake.Receipt, *, shown: Mapping[str, Any]) -> None:
        """shown: the receipt as JSON."""
        sentences = [f"{rejected.name}: {rejected.detail}" for rejected in receipt.rejected]
        super().__init__(sentences[0] if sentences else "No file came.")
        self.status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE if receipt.all_too_large else HTTPStatus.BAD_REQUEST
        self.extra = {**shown, "case": None, "case_id": None, "case_url": None}


def response(
    request: HttpRequest,
    *,
    status: int,
    code: str,
    detail: str,
    errors: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> JsonResponse:
    """One problem. errors: sentences by field. extra: further members, which RFC 9457 allows."""
    problem: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        "code": code,
        "instance": request.path,
        "request_id": getattr(request, "request_id", ""),
    }
    if errors is not None:
        problem["errors"] = errors
    return JsonResponse(problem | dict(extra or {}), status=status, content_type=MEDIA_TYPE, headers=headers)


def handle(error: Exception, context: Mapping[str, Any]) -> HttpResponse:
    """DRF's exception handler: turns any exception of a view into a problem. None reaches the HTML error pages."""
    request = context["request"]
    exception = _as_api_exception(error)
    set_rollback()
    if exception is None:
        _log.exception("unexpected error in the API", exc_info=error)
        signals.got_request_exception.send(sender=handle, request=getattr(request, "_request", request))
        exception = _Unexpected()
    headers = {}
    if challenge := getattr(exception, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(exception, "wait", None):
        headers["Retry-After"] = str(math.ceil(wait))
    return response(
        request,
        status=exception.status_code,
        headers=headers,
        extra=getattr(exception, "extra", None),
        **_details(exception),
    )


def unavailable(request: HttpRequest, why: Unavailable) -> HttpResponse:
    """503 or 507: the site cannot serve the request right now."""
    headers = {"Retry-After": str(why.seconds)}
    return response(request, status=why.status, code=why.code, detail=why.reason, headers=headers)


def unknown_address(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    """404 for every unknown URL under /api/. A GET that lacks only the trailing slash is redirected."""
    meant = _with_slash(request.path)
    if meant and request.method in ("GET", "HEAD"):
        return HttpResponsePermanentRedirect(request.get_full_path(force_append_slash=True))
    detail = f"URLs end with a slash: {meant}" if meant else "There is no such URL; /api/docs/ lists them all."
    return response(request, status=404, code="not_found", detail=detail)


class _Unexpected(exceptions.APIException):
    default_detail = "Something went wrong on the server. The server's log has the cause under this request_id."
    default_code = "internal"


class _Unavailable(exceptions.APIException):
    default_code = "unavailable"

    def __init__(self, why: Unavailable) -> None:
        super().__init__(why.reason, why.code)
        self.status_code, self.wait = why.status, why.seconds


class _Busy(exceptions.APIException):
    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    default_code = "busy"
    wait = intake.Busy.seconds


class _NoRoom(exceptions.APIException):
    status_code = HTTPStatus.INSUFFICIENT_STORAGE
    default_code = intake.NoRoom.code
    wait = intake.NoRoom.seconds


class _TooLarge(exceptions.APIException):
    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_detail = "The form fields of the request are too large."
    default_code = "too_large"


def _as_api_exception(error: Exception) -> exceptions.APIException | None:
    """`error` as one of DRF's exceptions, which carry status, code and detail; None if it was not foreseen."""
    match error:
        case exceptions.APIException():
            return error
        case FileMissing():
            return exceptions.NotFound(str(error))
        case Http404():
            return exceptions.NotFound("It does not exist, or you may not see it.")
        case PermissionDenied():
            return exceptions.PermissionDenied()
        case ValidationError():
            return exceptions.ValidationError(get_error_detail(error))
        case CaseRefused():
            return CaseProblem(error)
        case Refused():
            return NotDone(error)
        case intake.Busy():
            return _Busy(str(error))
        case intake.NoRoom():
            return _NoRoom(str(error))
        case RequestDataTooBig():
            return _TooLarge()
        case TooManyFilesSent():
            return exceptions.ParseError(
                "The request has too many files; send them in several requests.", "too_many_files"
            )
        case MultiPartParserError() | SuspiciousOperation() | BadRequest() | UnreadablePostError():
            return exceptions.ParseError("The request cannot be read: its body is malformed.")
    if why := of_error(error):
        _log.warning("unavailable", error=str(error))
        return _Unavailable(why)
    return None


def _details(exception: exceptions.APIException) -> dict[str, Any]:
    if not isinstance(exception, exceptions.ValidationError):
        code = exception.get_codes()
        return {"code": code if isinstance(code, str) else exception.default_code, "detail": str(exception.detail)}
    errors: Any = exception.detail
    if not isinstance(errors, dict):
        errors = {api_settings.NON_FIELD_ERRORS_KEY: errors}
    errors = {field: _sentences(messages) for field, messages in errors.items()}
    first = next((f"{field}: {sentences[0]}" for field, sentences in errors.items() if sentences), "")
    return {"code": "invalid", "detail": first, "errors": errors}


def _sentences(messages: Any) -> list[str]:
    """What is wrong with a field. Sentences about its parts name them."""
    if not isinstance(messages, dict):
        return [str(one) for one in messages]
    general = api_settings.NON_FIELD_ERRORS_KEY
    return [
        one if part == general else f"{part}: {one}"
        for part, part_messages in messages.items()
        for one in _sentences(part_messages)
    ]


def _with_slash(path: str) -> str:
    if path.endswith("/"):
        return ""
    try:
        return f"{path}/" if resolve(f"{path}/").func is not unknown_address else ""
    except Resolver404:
        return ""


unknown_address.csrf_exempt = True  # type: ignore[attr-defined]
unknown_address.login_required = False  # type: ignore[attr-defined]
