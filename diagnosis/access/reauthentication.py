"""Changing rights or accounts needs a password that was typed lately: an open session alone is not enough.

A session may be somebody else's: left open at a shared desk, or stolen. A login counts as the first confirmation,
unless it is at a provider that asked for nothing.
"""

import time

from django.conf import settings
from django.http import HttpRequest

_SESSION_KEY = "confirmed_at"

_MIN_LEFT = 1 / 3
"""Fraction of the time that must be left when a form is opened, so that it can be filled in before it is sent."""


def remember(request: HttpRequest) -> None:
    """The person has just shown who they are."""
    request.session[_SESSION_KEY] = time.time()


def forget(request: HttpRequest) -> None:
    """The person has logged in without having to show who they are."""
    request.session.pop(_SESSION_KEY, None)


def is_recent(request: HttpRequest) -> bool:
    """Whether a change may be made now; for a form that is opened, whether enough time is left to send it."""
    limit: float = settings.REAUTHENTICATION_MINUTES * 60
    if request.method in ("GET", "HEAD"):
        limit *= 1 - _MIN_LEFT
    confirmed = request.session.get(_SESSION_KEY)
    return isinstance(confirmed, int | float) and 0 <= time.time() - confirmed < limit
