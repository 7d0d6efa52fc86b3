"""Challenges for passkeys, and a person's own passkeys: adding and removing them.

Their answers come with the forms of the login, of the confirmation, and of the page here.
"""

from collections.abc import Callable
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from diagnosis.access import login_steps, passkeys, reauthentication, sessions
from diagnosis.access.refusals import Refused
from diagnosis.access.users import User
from diagnosis.access.webauthn import Purpose
from diagnosis.views import second_factor


@login_not_required
@require_POST
def login_options(request: HttpRequest, *, purpose: Purpose) -> HttpResponse:
    """For a login without a password, or for the second step of somebody who has typed theirs."""
    user = login_steps.awaited(request) if purpose is Purpose.SECOND_FACTOR else None
    if purpose is Purpose.SECOND_FACTOR and user is None:
        return _problem("login_expired", "Too much time has passed since the password. Log in again.")
    sessions.limit_visitor(request)
    return _json(lambda: passkeys.options(request, purpose=purpose, user=user))


@require_POST
def confirm_options(request: HttpRequest) -> HttpResponse:
    """For a confirmation, before accounts or rights change."""
    user = cast(User, request.user)
    return _json(lambda: passkeys.options(request, purpose=Purpose.CONFIRM, user=user))


@require_POST
def add_options(request: HttpRequest) -> HttpResponse:
    """For a new passkey."""
    if not reauthentication.is_recent(request):
        return _problem("confirm_first", "Too much time has passed. Reload the page and confirm that it is you.")
    return _json(lambda: passkeys.options_to_add(request, cast(User, request.user)))


@sensitive_post_parameters("passkey")
@require_POST
def add(request: HttpRequest) -> HttpResponse:
    """Add the passkey that the browser has made; with somebody's first second factor, show the recovery codes."""
    if not reauthentication.is_recent(request):
        return second_factor.confirm_first(request)
    name, answer = request.POST.get("name", ""), request.POST.get("passkey", "")
    try:
        codes = passkeys.add(request, cast(User, request.user), name=name, answer=answer)
    except Refused as error:
        return second_factor.page(request, status=400, passkey_error=error.message, name=name)
    login_steps.mark_passed(request)
    if codes:
        return second_factor.page(request, codes=codes)
    messages.success(request, "Your passkey is added.")
    return redirect("second-factor")


@require_POST
def remove(request: HttpRequest, passkey_id: int) -> HttpResponse:
    """Remove one of one's own passkeys."""
    user = cast(User, request.user)
    passkey = get_object_or_404(passkeys.of(user), pk=passkey_id)
    if not reauthentication.is_recent(request):
        return second_factor.confirm_first(request)
    passkeys.remove(passkey, actor=user)
    messages.success(request, f"The passkey {passkey.name} is removed.")
    return redirect("second-factor")


def _json(options: Callable[[], dict[str, Any]]) -> HttpResponse:
    try:
        return JsonResponse(options())
    except Refused as error:
        return _problem(error.code, error.message)


def _problem(code: str, detail: str) -> HttpResponse:
    return JsonResponse({"code": code, "detail": detail}, status=400)
