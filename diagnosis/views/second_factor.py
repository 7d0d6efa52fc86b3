"""The code at login, and a person's second factor: add it, renew its recovery codes, remove it."""

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

from diagnosis.access import login_steps, reauthentication, second_factor
from diagnosis.access.refusals import Refused
from diagnosis.access.users import User
from diagnosis.views.forms import CodeForm

_SEED = "second_factor_seed"
"""Session key of the seed whose QR code is on the page."""


@sensitive_post_parameters("code")
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def login_code(request: HttpRequest) -> HttpResponse:
    """Ask for the code, and log in. Without a right password shortly before, back to the login page."""
    user = login_steps.awaited(request)
    if user is None:
        return redirect("login")
    form = CodeForm(request.POST or None, user=user)
    if form.is_valid():
        return redirect(login_steps.complete(request, user) or reverse("history"))
    response = render(request, "registration/login_code.html", {"form": form})
    if form.locked:
        response.status_code = 429
        response["Retry-After"] = str(form.locked.seconds)
    return response


@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
def second_factor_page(request: HttpRequest) -> HttpResponse:
    """Show whether one has a second factor, or the QR code to add one and take its first code."""
    user = cast(User, request.user)
    if second_factor.of(user) is not None:
        return _page(request)
    if not reauthentication.is_recent(request):
        return _confirm(request)
    seed = request.session.setdefault(_SEED, second_factor.new_seed())
    adding: dict[str, Any] = {
        "secret": second_factor.secret(seed),
        "qr": _qr(second_factor.uri(user, seed=seed, host=_host(request))),
    }
    if request.method != "POST":
        return _page(request, **adding)
    try:
        codes = second_factor.add(user, seed=seed, code=request.POST.get("code", ""))
    except Refused as error:
        return _page(request, status=400, error=error.message, **adding)
    del request.session[_SEED]
    login_steps.mark_passed(request)
    return _page(request, codes=codes)


@require_POST
def renew_codes(request: HttpRequest) -> HttpResponse:
    """New recovery codes, shown on the answer alone."""
    factor = second_factor.of(cast(User, request.user))
    if factor is None:
        return redirect("second-factor")
    if not reauthentication.is_recent(request):
        return _confirm(request)
    return _page(request, codes=second_factor.renew_codes(factor))


@require_POST
def remove(request: HttpRequest) -> HttpResponse:
    """Remove one's own second factor, for a new phone or for good."""
    user = cast(User, request.user)
    if not reauthentication.is_recent(request):
        return _confirm(request)
    if second_factor.remove(user, actor=user):
        messages.success(request, "Your second factor is removed.")
    return redirect("second-factor")


def _page(request: HttpRequest, *, status: int = 200, **context: Any) -> HttpResponse:
    user = cast(User, request.user)
    factor = second_factor.of(user)
    context |= {
        "factor": factor,
        "left": factor.recovery_codes.count() if factor else 0,
        "required": second_factor.is_required(user),
        "missing": login_steps.missing(request),
    }
    return render(request, "diagnosis/second_factor.html", context, status=status)


def _confirm(request: HttpRequest) -> HttpResponse:
    """Ask for the password first; what was sent is sent again from the page, by hand."""
    if request.method == "POST":
        messages.warning(request, "Nothing was changed: too much time has passed. Confirm, and send it again.")
    return redirect_to_login(reverse("second-factor"), login_url=resolve_url("confirm"))


def _host(request: HttpRequest) -> str:
    return urlsplit(f"//{request.get_host()}").hostname or ""


def _qr(text: str) -> str:
    """The address of an SVG that holds itself, black on white in both themes, as cameras want it."""
    return segno.make(text, error="m", micro=False).svg_data_uri(scale=5, dark="#000", light="#fff")
