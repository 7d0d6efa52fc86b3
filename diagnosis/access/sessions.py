"""A person's sessions: listing them, ending them, and ending idle ones."""

import time
from datetime import timedelta
from importlib import import_module

import structlog
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.db import OperationalError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from diagnosis.access import audit
from diagnosis.access.users import User
from diagnosis.models import LoginSession

_log = structlog.get_logger(__name__)

_ROW = "login_session"
_USED = "used_at"
ENDED = "brainscan.session_ended"
"""A mark in a request's META: its session has ended, and the browser must forget its pages."""
_STEP = 60
"""Precision, in seconds, of when a session was last used, so that few requests write."""


VISITOR = 600
"""Seconds that a session lasts before anybody has logged in: anybody can begin one."""


def limit_visitor(request: HttpRequest) -> None:
    """A session without a login lasts only VISITOR seconds."""
    if not request.user.is_authenticated:
        request.session.set_expiry(VISITOR)


def start(request: HttpRequest, user: User) -> None:
    """Record a new session, and delete those that have ended, whosever they were.

    Beyond SESSIONS_PER_PERSON it ends the person's session that has been unused for longest.
    """
    request.session.set_expiry(None)
    if request.session.session_key is None:
        request.session.create()
    _engine().clear_expired()
    over = timezone.now() - timedelta(seconds=settings.SESSION_COOKIE_AGE)
    LoginSession.objects.filter(last_used__lt=over).delete()
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)  # two logins at once count one after the other
        row, _ = LoginSession.objects.update_or_create(
            session_key=_key(request),
            defaults={
                "user_id": user.pk,
                "browser": request.headers.get("User-Agent", "").replace("\0", "")[:200],
                "address": audit.address(),
            },
        )
        if settings.SESSIONS_PER_PERSON:
            rest = of(user).exclude(pk=row.pk).values("pk")[settings.SESSIONS_PER_PERSON - 1 :]
            end(LoginSession.objects.filter(pk__in=[one["pk"] for one in rest]), actor=user, reason="too_many")
    request.session[_ROW] = row.pk
    request.session[_USED] = time.time()


def go_on(request: HttpRequest, user: User) -> None:
    """Record the request's session again after the person's sessions were forgotten, if it is to stay."""
    if not LoginSession.objects.filter(pk=_row(request)).exists():
        start(request, user)


def follow(request: HttpRequest) -> None:
    """Record a session's new key, so that it can be ended: under a new SECRET_KEY Django gives it another."""
    if request.user.is_authenticated and request.session.modified:
        LoginSession.objects.filter(pk=_row(request)).update(session_key=_key(request))


def note_use(request: HttpRequest) -> None:
    """Record that the session was used now."""
    if 0 <= time.time() - request.session.get(_USED, 0) < _STEP:
        return
    try:
        row = LoginSession.objects.filter(pk=_row(request))
        row.update(last_used=timezone.now(), address=audit.address(), session_key=_key(request))
    except OperationalError:  # a full disk, say; reading goes on
        _log.warning("session_use_not_kept", exc_info=True)
    else:
        request.session[_USED] = time.time()


def forget(user: User) -> None:
    """Delete the rows of all sessions of a person, which a changed password has ended."""
    LoginSession.objects.filter(user=user.pk).delete()


def end_if_idle(request: HttpRequest) -> None:
    """Log people out after IDLE_MINUTES without activity; requests that an open page makes by itself do not count."""
    limit = settings.IDLE_MINUTES * 60
    if not limit or not request.user.is_authenticated:
        return
    used = request.session.get(_USED)
    if used is None or 0 <= time.time() - used < limit:  # None: of an earlier version; it notes its use from now on
        return
    audit.record("session.timed_out", actor=request.user, target=request.user)
    finish(request)
    request.session.flush()
    request.user = AnonymousUser()


def finish(request: HttpRequest) -> None:
    """Delete the row of the request's session, after a logout or when it was idle for too long."""
    LoginSession.objects.filter(pk=_row(request)).delete()
    request.META[ENDED] = True


def of(user: User) -> QuerySet[LoginSession]:
    """A person's current sessions, the latest used first."""
    since = timezone.now() - timedelta(seconds=settings.SESSION_COOKIE_AGE)
    return LoginSession.objects.filter(user=user.pk, last_used__gte=since)


def is_current(request: HttpRequest, row: LoginSession) -> bool:
    return _row(request) == row.pk


def end(rows: QuerySet[LoginSession], *, actor: User, reason: str = "") -> int:
    """End sessions: their next request asks for a login. Returns how many there were. reason: for the audit row."""
    why = {"reason": reason} if reason else {}
    count = 0
    with transaction.atomic():
        for row in rows.select_related("user"):
            _store(row.session_key).delete()
            row.delete()
            audit.record(
                "session.ended", actor=actor, target=row.user, browser=browser(row), of_address=row.address, **why
            )
            count += 1
    return count


def others(request: HttpRequest, user: User) -> QuerySet[LoginSession]:
    """All sessions of a person but the request's."""
    return of(user).exclude(pk=_row(request))


def browser(row: LoginSession) -> str:
    """A browser and its system in two words, from what it says of itself. Only to recognize it: anybody may say it."""
    agent = row.browser
    program = next((name for mark, name in _PROGRAMS if mark in agent), "Another program")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    return f"{program} on {system}" if system else program


_PROGRAMS = (("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
"""In this order: each also names those after it."""
_SYSTEMS = (
    ("Windows", "Windows"), ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Mac OS", "macOS"),
    ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip


def _row(request: HttpRequest) -> int:
    """Id of the session's row; 0 for a session of an earlier version."""
    return int(request.session.get(_ROW, 0))


def _key(request: HttpRequest) -> str:
    return str(request.session.session_key)


def _store(key: str) -> SessionBase:
    return _engine()(key)


def _engine() -> type[SessionBase]:
    store: type[SessionBase] = import_module(settings.SESSION_ENGINE).SessionStore
    return store
