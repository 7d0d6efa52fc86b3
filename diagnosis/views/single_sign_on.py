"""Single sign-on: log in, confirm, and link or unlink one's account."""

from typing import cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from diagnosis.access import lockout, passkeys, reauthentication, sessions
from diagnosis.access.oidc import accounts, flows
from diagnosis.access.oidc.flows import Purpose
from diagnosis.access.oidc.rules import configured
from diagnosis.access.refusals import Refused
from diagnosis.access.users import User
from diagnosis.views.targets import safe_target

_STATUS = {"provider_unreachable": 503, "unknown_state": 400, "invalid_answer": 400}
"""Status by a refusal's code; all others are 403."""


@login_not_required
@require_safe
def login(request: HttpRequest) -> HttpResponse:
    """To the provider. A plain link leads here: a redirect after a form would be stopped by our own policy.

    From another site it leads to the login page first, so that nobody is logged in without having asked for it.
    """
    target = safe_target(request, request.GET.get("next", ""))
    if request.user.is_authenticated:
        return redirect(target)
    if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
        return redirect_to_login(target)
    sessions.limit_visitor(request)
    try:
        return redirect(flows.start(request, purpose=Purpose.LOGIN, target=target, redirect_uri=_callback(request)))
    except Refused as error:
        return _refused(request, error)


@require_POST
def confirm(request: HttpRequest) -> HttpResponse:
    """Log in at the provider again, before rights change."""
    return _leave(request, Purpose.CONFIRM, safe_target(request, request.POST.get("next", "")))


@require_POST
def link(request: HttpRequest) -> HttpResponse:
    """Link one's account to the person who next logs in at the provider, in this session."""
    if not reauthentication.is_recent(request):
        return _ask_who_it_is(request)
    return _leave(request, Purpose.LINK, reverse("sessions"))


@require_POST
def unlink(request: HttpRequest) -> HttpResponse:
    """Remove the link, unless it is the only way in."""
    user = cast(User, request.user)
    if not reauthentication.is_recent(request):
        return _ask_who_it_is(request)
    found = accounts.link_of(user)
    has_other = user.has_usable_password() or passkeys.of(user).exists()
    if not (has_other and accounts.may_log_in_here(user)):
        messages.warning(request, "You have no password to log in with, so the link stays. Ask an administrator.")
    elif found is not None:
        accounts.remove_link(found, actor=user)
        messages.success(request, f"{configured().name} no longer logs you in.")
    return redirect("sessions")


@login_not_required
@require_safe
def callback(request: HttpRequest) -> HttpResponse:
    """Back from the provider."""
    try:
        done = flows.finish(request)
    except Refused as error:
        return _refused(request, error)
    except lockout.Locked as error:
        response = _page(request, error.message, status=429)
        response["Retry-After"] = str(error.seconds)
        return response
    if done.needs_code:
        return redirect("login-code")
    if done.purpose is Purpose.LINK:
        messages.success(request, f"Your account is linked: {configured().name} logs you in from now on.")
    return redirect(done.target)


def _leave(request: HttpRequest, purpose: Purpose, target: str) -> HttpResponse:
    """A page that redirects to the provider by itself."""
    try:
        url = flows.start(request, purpose=purpose, target=target, redirect_uri=_callback(request))
    except Refused as error:
        return _refused(request, error)
    return to_provider(request, url)


def to_provider(request: HttpRequest, url: str) -> HttpResponse:
    """Browsers stop a form that is redirected to another site (form-action in our policy), but follow this."""
    response = render(request, "registration/to_provider.html", {"url": url, "name": configured().name})
    response["Refresh"] = f"0; url={url}"
    return response


def _refused(request: HttpRequest, error: Refused) -> HttpResponse:
    return _page(request, error.message, status=_STATUS.get(error.code, 403))


def _page(request: HttpRequest, message: str, *, status: int) -> HttpResponse:
    context = {"message": message, "sso": settings.OIDC, "away": status == 503}
    return render(request, "registration/sso_refused.html", context, status=status)


def _ask_who_it_is(request: HttpRequest) -> HttpResponse:
    messages.warning(request, "Nothing was changed: too much time has passed. Confirm, and send it again.")
    return redirect_to_login(reverse("sessions"), login_url=resolve_url("confirm"))


def _callback(request: HttpRequest) -> str:
    return request.build_absolute_uri(reverse("sso-callback"))
