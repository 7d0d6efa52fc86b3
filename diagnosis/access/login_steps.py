"""The steps of a login in a session: after the password the code, where there is a second factor.

Until the code is right nobody is logged in: the session only remembers whose password was right.
"""

import time
from enum import Enum

from django.contrib.auth import login
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from diagnosis.access import second_factor, sessions
from diagnosis.access.users import User
from diagnosis.models.second_factor import SecondFactor

_PENDING = "password_was_right"
_PASSED = "second_factor_passed"
_PATIENCE = 600
"""Seconds after the password in which the code is taken."""
_BACKEND = "diagnosis.access.backends.UserBackend"


class Missing(Enum):
    """What a session still lacks."""

    CODE = "code"
    SET_UP = "set up"


def ask_for_code(request: HttpRequest, user: User, *, target: str) -> None:
    """Remember that this person's password was right, and where they wanted to go."""
    request.session.flush()
    sessions.limit_visitor(request)
    pending = {"user": user.pk, "hash": user.get_session_auth_hash(), "at": time.time(), "target": target}
    request.session[_PENDING] = pending


def awaited(request: HttpRequest) -> User | None:
    """Whose code is to be typed: after the password, or in a session that is older than their second factor."""
    if request.user.is_authenticated:
        return request.user if missing(request) is Missing.CODE else None
    pending = request.session.get(_PENDING)
    if not pending or not 0 <= time.time() - pending["at"] < _PATIENCE:
        return None
    user = User.objects.filter(pk=pending["user"], is_active=True, second_factor__isnull=False).first()
    unchanged = user is not None and constant_time_compare(user.get_session_auth_hash(), pending["hash"])
    return user if unchanged else None


def complete(request: HttpRequest, user: User) -> str:
    """The code was right: log in, unless they are. Returns where they wanted to go, or an empty string."""
    target = str(request.session.pop(_PENDING, {}).get("target", ""))
    if not request.user.is_authenticated:
        login(request, user, backend=_BACKEND)
    mark_passed(request)
    return target


def mark_passed(request: HttpRequest) -> None:
    """This session has shown a second factor, or has just added one."""
    request.session[_PASSED] = True


def missing(request: HttpRequest) -> Missing | None:
    """What the session of a logged-in person lacks. No query where the user came with `selectors.user_columns`."""
    user = request.user
    if not user.is_authenticated or request.session.get(_PASSED):
        return None
    loaded: bool | None = getattr(user, "has_second_factor", None)
    if SecondFactor.objects.filter(user=user.pk).exists() if loaded is None else loaded:
        return Missing.CODE
    return Missing.SET_UP if second_factor.is_required(user) else None
