"""Why the site cannot serve a request right now: database or disk, in a sentence for pages, API and health checks."""

import re
from typing import NamedTuple

from django.db import InterfaceError, OperationalError

from diagnosis.intake import free_space

_PAUSE = 5
"""Seconds after which it makes sense to try again."""


class Unavailable(NamedTuple):
    """status: 503, or 507 where the disk is full. reason: what happened. seconds: when to try again.

    code: for scripts.
    """

    status: int
    reason: str
    seconds: int = _PAUSE
    code: str = "unavailable"


_UNREACHABLE = Unavailable(503, "The database cannot be reached right now. Try again in a moment.")
_BUSY = Unavailable(503, "The database is busy. Nothing was changed; try again in a moment.")
_CONFLICT = Unavailable(503, "Two people changed the same thing at once. Nothing was changed here; try again.", 1)
_FULL = Unavailable(
    507,
    "The site's disk is full, and this needs some space. Nothing was changed; an administrator has to free some.",
    free_space.NoRoom.seconds,
    free_space.NoRoom.code,
)

_TOO_MANY = Unavailable(503, "The database accepts no more connections right now. Try again in a moment.")

_NO_CONNECTION_LEFT = re.compile("too many (clients|connections)|remaining connection slots")
"""What PostgreSQL says when it is full. Before there is a connection, libpq passes no SQLSTATE on."""

_BY_CODE = {
    "53300": _TOO_MANY,
    "53200": _BUSY,  # out of memory
    "55P03": _BUSY,  # lock not available
    "57014": _BUSY,  # statement timeout
    "40P01": _CONFLICT,  # deadlock
    "40001": _CONFLICT,  # serialization failure
    "SQLITE_BUSY": _BUSY,
    "SQLITE_LOCKED": _BUSY,
}
"""By PostgreSQL's SQLSTATE (its manual, appendix A) and by SQLite's result code."""


def of_error(error: BaseException | None) -> Unavailable | None:
    """How to explain a database error or a full disk; None for any other error."""
    if free_space.is_full(error):
        return _FULL
    if not isinstance(error, OperationalError | InterfaceError):
        return None
    cause = error.__cause__
    code = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None) or ""
    known = _BY_CODE.get(code) or _BY_CODE.get("_".join(code.split("_")[:2]))
    return known or (_TOO_MANY if _NO_CONNECTION_LEFT.search(str(error)) else _UNREACHABLE)
