"""The second factor at login, and a person's own: add an app, renew the recovery codes, remove it."""

from typing import Any, cast
from urllib.parse import urlsplit

import segno
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from diagnosis.access import app_secret, lockout, login_steps, passkeys, reauthentication, second_factor
from diagnosis.access.refusals import Refused
from diagnosis.access.users import User
from diagnosis.access.webauthn import Purpose
from diagnosis.views.forms import CodeForm
from diagnosis.views.passkey_form import passkey_form, with_error

_SEED = "second_factor_seed"
"""Session key of the seed whose QR code is on the page."""


@sensitive_post_parameters("code", "passkey")
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def login_code(request: HttpRequest) -> HttpResponse:
    """Ask for a code or a passkey, and log in. Without a right password shortly before, back to the login page."""
    user = login_steps.awaited(request)
    if user is None:
        return redirect("login")
    error: Refused | lockout.Locked | None = None
    by_code = request.method == "POST" and "passkey" not in request.POST  # also without any field
    form = CodeForm(request.POST if by_code else None, user=user)
    passed = form.is_valid()
    if "passkey" in request.POST:
        try:
            passkeys.check(request, user, purpose=Purpose.SECOND_FACTOR, answer=request.POST["passkey"])
            passed = True
        except (Refused, lockout.Locked) as refused:
            error = refused
    if passed:
        return redirect(login_steps.complete(request, user) or reverse("history"))
    context = passkey_form(request) | {
        "form": form,
        "factor": second_factor.of(user),
        "has_passkey": passkeys.of(user).exists(),
        "passkey_error": error.message if error else "",
    }
    response = render(request, "registration/login_code.html", context)
    error = error or form.locked
    return with_error(response, error) if error else response


@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
def second_factor_page(request: HttpRequest) -> HttpResponse:
    """Show the person's second factor, or add an app by its first code. Without one, they confirm first."""
    user = cast(User, request.user)
    if request.method != "POST":
        nothing = second_factor.of(user) is None
        return confirm_first(request) if nothing and not reauthentication.is_recent(request) else page(request)
    if not reauthentication.is_recent(request):
        return confirm_first(request)
    if _SEED not in request.session:
        return page(request)
    try:
        codes = second_factor.add(user, seed=request.session[_SEED], code=request.POST.get("code", ""))
    except Refused as error:
        return page(request, status=400, error=error.message)
    del request.session[_SEED]
    login_steps.mark_passed(request)
    return page(request, codes=codes)


@require_POST
def renew_codes(request: HttpRequest) -> HttpResponse:
    """New recovery codes, shown once, in the answer."""
    factor = second_factor.of(cast(User, request.user))
    if factor is None:
        return redirect("second-factor")
    if not reauthentication.is_recent(request):
        return confirm_first(request)
    return page(request, codes=second_factor.renew_codes(factor))


@require_POST
def remove(request: HttpRequest) -> HttpResponse:
    """Remove one's own authenticator app, for a new phone or for good."""
    user = cast(User, request.user)
    if not reauthentication.is_recent(request):
        return confirm_first(request)
    if second_factor.remove_app(user, actor=user):
        messages.success(request, "Your authenticator app is removed.")
    return redirect("second-factor")


def page(request: HttpRequest, *, status: int = 200, **context: Any) -> HttpResponse:
    """The person's page, with what can be added if they have confirmed lately."""
    user = cast(User, request.user)
    factor = second_factor.of(user)
    recent = reauthentication.is_recent(request)
    context |= {
        "factor": factor,
        "left": factor.recovery_codes.count() if factor else 0,
        "passkeys": passkeys.of(user),
        "recent": recent,
        "required": second_factor.is_required(user),
        "missing": login_steps.missing(request),
    }
    if recent and not (factor and factor.has_app):
        context |= _app_to_add(request, user)
    return render(request, "diagnosis/second_factor.html", context | passkey_form(request), status=status)


def confirm_first(request: HttpRequest) -> HttpResponse:
    """Ask for a confirmation first; the person then sends the form again."""
    if request.method == "POST":
        messages.warning(request, "Nothing was changed: too much time has passed. Confirm, and send it again.")
    return redirect_to_login(reverse("second-factor"), login_url=resolve_url("confirm"))


def _app_to_add(request: HttpRequest, user: User) -> dict[str, str]:
    """Key and QR code of an app that is not added yet; they stay the same until it is."""
    seed = request.session.setdefault(_SEED, app_secret.new_seed())
    uri = second_factor.uri(user, seed=seed, host=_host(request))
    return {"secret": app_secret.secret(seed), "qr": _qr(uri)}


def _host(request: HttpRequest) -> str:
    return urlsplit(f"//{request.get_host()}").hostname or ""


def _qr(text: str) -> str:
    """The address of an SVG that holds itself, black on white in both themes, as cameras want it."""
    return segno.make(text, error="m", micro=False).svg_data_uri(scale=5, dark="#000", light="#fff")
