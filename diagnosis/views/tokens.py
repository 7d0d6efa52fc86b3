"""A person's API tokens: make one, see which there are, revoke one."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render, resolve_url
from django.views.decorators.http import require_http_methods, require_POST

from diagnosis.access import reauthentication, tokens
from diagnosis.access.refusals import Refused
from diagnosis.access.users import User
from diagnosis.models.api_token import Scope

DAYS = (30, 90, 365)
"""Choices of the form; the second is chosen at first."""


@require_http_methods(["GET", "HEAD", "POST"])
def token_page(request: HttpRequest) -> HttpResponse:
    """List one's tokens and make one. The key is shown once, in the answer to the form."""
    user = cast(User, request.user)
    name, scopes = request.POST.get("name", ""), request.POST.getlist("scope")
    days = request.POST.get("days", str(DAYS[1]))
    context: dict[str, object] = {"scopes": Scope.choices, "choices": DAYS, "most": tokens.MAX_TOKENS}
    status = 200
    if request.method == "POST":
        if not reauthentication.is_recent(request):
            messages.warning(request, "No token was made: too much time has passed. Confirm, and send it again.")
            return redirect_to_login(request.path, login_url=resolve_url("confirm"))
        try:
            number = int(days) if days.isascii() and days.isdecimal() and len(days) < 5 else 0
            made, key = tokens.create(user, name=name, scopes=scopes, days=number, actor=user)
            context |= {"made": made, "key": key}
            name, scopes, days = "", [], str(DAYS[1])
        except Refused as error:
            context |= {"error": error.message}
            status = 400
    chosen = scopes or [Scope.READ.value, Scope.UPLOAD.value]
    context |= {"tokens": tokens.of(user), "name": name, "chosen": chosen, "days": days}
    return render(request, "diagnosis/tokens.html", context, status=status)


@require_POST
def revoke(request: HttpRequest, token_id: int) -> HttpResponse:
    """Revoke one's own token. Needs no password: it only takes something away."""
    user = cast(User, request.user)
    token = get_object_or_404(tokens.of(user), pk=token_id)
    tokens.revoke(token, actor=user)
    messages.success(request, f"The token {token.name} is revoked.")
    return redirect("tokens")
