"""Where a person is logged in, and ending it."""

from typing import cast

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from diagnosis.access import sessions
from diagnosis.access.oidc import accounts
from diagnosis.access.users import User


@require_safe
def session_page(request: HttpRequest) -> HttpResponse:
    user = cast(User, request.user)
    rows = [
        {"row": row, "browser": sessions.browser(row), "current": sessions.is_current(request, row)}
        for row in sessions.of(user)
    ]
    context = {"rows": rows, "sso": settings.OIDC, "link": accounts.link_of(user)}
    return render(request, "diagnosis/sessions.html", context)


@require_POST
def end(request: HttpRequest) -> HttpResponse:
    """End one of one's other sessions, or all of them. Needs no password: it only takes something away."""
    user = cast(User, request.user)
    rows = sessions.others(request, user)
    wanted = request.POST.get("session", "")
    if wanted != "all":
        number = int(wanted) if wanted.isascii() and wanted.isdecimal() and len(wanted) < 19 else 0
        rows = rows.filter(pk=number)
    count = sessions.end(rows, actor=user)
    if count:
        messages.success(request, "The session is ended." if count == 1 else f"{count} sessions are ended.")
    else:
        messages.warning(request, "This session has already ended.")
    return redirect("sessions")
