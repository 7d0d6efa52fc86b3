"""Middleware: session, log context, security headers, audit."""

import ipaddress
from collections.abc import Callable
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.contrib.sessions import middleware
from django.contrib.sessions.exceptions import SessionInterrupted
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django_structlog.middlewares import RequestMiddleware

from brainscan import errors
from diagnosis.access import access_log, login_steps, sessions, viewing
from diagnosis.api import problems

# Pages load only our own files, and hold no scripts or styles themselves. One policy for all needs no library.
_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# Nothing of a device is ever used. Passkeys are, so their permissions stay as browsers have them.
_DEVICES = (
    "accelerometer", "autoplay", "camera", "display-capture", "encrypted-media",
    "geolocation", "gyroscope", "hid", "idle-detection", "local-fonts", "magnetometer", "microphone", "midi", "payment",
    "serial", "storage-access", "usb", "xr-spatial-tracking",
)  # fmt: skip
_PERMISSIONS = ", ".join(f"{name}=()" for name in _DEVICES)

# Addresses, by name, that open without a second factor: always, or while one is to be added.
_BEFORE_LOGIN = {
    "login-passkey",
    "login-code",
    "login-code-passkey",
    "logout",
    "health-live",
    "health-ready",
    "metrics",
}
_POLLED = {"status", "queue", "history-new", "prediction-slices", "scan-thumbnail"}
"""Requests that an open page makes by itself, which do not show that anybody is there. Thumbnails come with polled
rows."""
_BY_SCRIPT = {"X-Requested-With", "Hx-Request"}
_FOR_SET_UP = {"second-factor", "passkey-new", "passkey-add", "confirm", "sso-confirm", "sso-callback"}
_DICOMWEB = "/dicomweb/"
_API = ("/api/", _DICOMWEB)


class SessionMiddleware(middleware.SessionMiddleware):
    """Django's, but for a session that ended before or during the request, in another window or by an administrator.

    Django would answer 400 instead of what the request did: an upload that is stored would seem refused. No cookie is
    set or deleted, as the browser may have another session by now.
    """

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if request.session.is_empty() and not request.session.modified:  # Django would delete the cookie
            if request.session.accessed:
                patch_vary_headers(response, ("Cookie",))
            return response
        try:
            return super().process_response(request, response)
        except SessionInterrupted:
            return response


class LoginRequired(LoginRequiredMiddleware):
    """Django's, but a form sent without a session leads back to its page: most addresses of forms take no GET."""

    def handle_no_permission(
        self, request: HttpRequest, view_func: Callable[..., HttpResponseBase]
    ) -> HttpResponseRedirect:
        sent_from = request.headers.get("Referer", "")
        ours = url_has_allowed_host_and_scheme(sent_from, {request.get_host()}, require_https=request.is_secure())
        if request.method in ("GET", "HEAD") or not ours:
            return super().handle_no_permission(request, view_func)
        page = urlsplit(sent_from)._replace(scheme="", netloc="").geturl()
        return redirect_to_login(page, self.get_login_url(view_func), self.get_redirect_field_name(view_func))


class RequestLog(RequestMiddleware):
    """Binds the request's id, user and client address to the logging context.

    Clients can forge X-Forwarded-For, so of its entries only that of the outermost of our proxies counts.
    """

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        """Method and path, without the query, which may contain searched names, and without a hospital's UIDs."""
        path = request.path
        return f"{request.method} {_DICOMWEB}…" if path.startswith(_DICOMWEB) else f"{request.method} {path}"

    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        hops = request.headers.get("X-Forwarded-For", "").split(",")
        counts = 0 < settings.PROXIES <= len(hops)  # fewer entries: it did not come through all of the proxies
        address = hops[-settings.PROXIES].strip() if counts else ""
        address = address or request.META.get("REMOTE_ADDR", "")
        structlog.contextvars.bind_contextvars(ip=_valid(address))


def _valid(address: str) -> str | None:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])  # PostgreSQL does not accept a zone
    except ValueError:
        return None
    # A socket for both kinds writes IPv4 as ::ffff:198.51.100.7, and all of these would be one network in the lockout.
    return str((isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped) or found)


class AuditAccess:
    """Writes the audit rows of what a request disclosed and was denied, before its answer is sent."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with viewing.collecting() as disclosed:
            response = self.get_response(request)
        access_log.record(request, response, disclosed)
        return response


class TlsOnly:
    """Refuses the API over plain HTTP, where HTTPS is on: a redirect would hide that a token was sent in clear."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not settings.SECURE_SSL_REDIRECT or request.is_secure() or not request.path.startswith(_API):
            return self.get_response(request)
        detail = (
            "The API answers over https:// only. Whatever this request carried was sent in clear: revoke its token."
        )
        return problems.response(request, status=403, code="https_required", detail=detail)


class Sessions:
    """Ends idle sessions, and notes when a session was last used.

    With the end of a session the browser drops what it keeps of its pages. Their answers forbid it to keep any on disk;
    this is for pages that it holds in memory, to go back to. What a page's script requests is answered with the
    person's id: in another tab another one may have logged in, whose answer the page must not show.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        sessions.follow(request)
        sessions.end_if_idle(request)
        response = self.get_response(request)
        if sessions.ENDED in request.META:
            response.headers["Clear-Site-Data"] = '"cache"'
        if _BY_SCRIPT & request.headers.keys() and request.user.is_authenticated:
            response.headers["X-Person"] = str(request.user.pk)
        return response

    def process_view(self, request: HttpRequest, *_: object) -> None:
        if request.user.is_authenticated and request.resolver_match and request.resolver_match.view_name not in _POLLED:
            sessions.note_use(request)


class LoginSteps:
    """Redirects people who have logged in but not shown their second factor. Scripts with tokens have no session."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: object) -> HttpResponse | None:
        name = request.resolver_match.view_name if request.resolver_match else ""
        if name in _BEFORE_LOGIN:
            return None
        missing = login_steps.missing(request)
        if missing is None or (missing is login_steps.Missing.SET_UP and name in _FOR_SET_UP):
            return None
        if errors.is_api(request) and name != "api-docs":  # that one is a page
            detail = "Your session lacks the second factor. Open the site in the browser: it asks for it."
            return problems.response(request, status=403, code="second_factor_required", detail=detail)
        return redirect("login-code" if missing is login_steps.Missing.CODE else "second-factor")


class SecurityHeaders:
    """Sets the Content-Security-Policy, forbids caching, and adds the request's id for error reports."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = structlog.contextvars.get_contextvars().get("request_id", "")
        request.request_id = request_id  # type: ignore[attr-defined]
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", _POLICY)
        response.headers.setdefault("Permissions-Policy", _PERMISSIONS)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.headers.setdefault("Cache-Control", "private, no-store")
        if request_id:
            response.headers["X-Request-ID"] = request_id
        return response
