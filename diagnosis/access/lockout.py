"""Lockout after failed logins, with pauses that grow, by user name and by address.

Libraries have one limit for both. A hospital's people often share one address, so its limit must be far above a
person's. An attempt is counted before the password is compared, so that many at once are no more than the limit. A name
counts whether or not there is such an account: a locked name says nothing.
"""

import ipaddress
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from diagnosis.access import audit
from diagnosis.access.users import User
from diagnosis.models.login_failures import FailureKind, LoginFailures


@dataclass(frozen=True)
class Rule:
    """How many failures are allowed, how long the first pause is, and the longest. Each further failure doubles it."""

    allowed: int
    first: timedelta = timedelta(minutes=1)
    longest: timedelta = timedelta(hours=1)

    def pause(self, failures: int) -> timedelta | None:
        """The pause after this many failures in a row; None while there is none."""
        if failures < self.allowed:
            return None
        doubled = self.first * float(2 ** min(failures - self.allowed, 16))
        return min(doubled, self.longest)


RULES = {
    FailureKind.ACCOUNT: Rule(allowed=5),
    FailureKind.CODE: Rule(allowed=5),
    FailureKind.ADDRESS: Rule(allowed=30),
    FailureKind.TOKEN_ADDRESS: Rule(allowed=100, longest=timedelta(minutes=15)),
}
_OF_ACCOUNT = (FailureKind.ACCOUNT, FailureKind.CODE)
FORGOTTEN = timedelta(hours=24)
"""After this long without a failure, the earlier ones are forgotten. An address instead forgets as many as it is
allowed, spread over this time: people who share one mistype every day, and no success resets its count."""


class Locked(Exception):
    """The attempt was not made. `seconds`: until the next one is allowed."""

    def __init__(self, seconds: float) -> None:
        self.seconds = max(1, math.ceil(seconds))
        minutes = math.ceil(self.seconds / 60)
        self.message = (
            f"Too many failed attempts. Try again in {minutes} minute{'' if minutes == 1 else 's'}, "
            "or ask an administrator to unlock you."
        )
        super().__init__(self.message)


@dataclass(frozen=True)
class Counted:
    """One attempt as it was counted, and the lock that it brought."""

    failure_kind: FailureKind
    key: str
    locked_until: datetime | None


class Attempt:
    """One attempt; the code that judges it reports a success here."""

    succeeded = False


@contextmanager
def attempt(*, username: str | None, failure_kind: FailureKind = FailureKind.ACCOUNT) -> Iterator[Attempt]:
    """Count an attempt to log in under this name from the request's address; a success takes it back.

    username: None where nothing says who it is; only the address counts then. Raises Locked, before anything is
    compared, while the name or the address has to wait.
    """
    keys = [(failure_kind, normal(username))] if username is not None else []
    if address := _address():
        keys.append((FailureKind.ADDRESS, address))
    with transaction.atomic():
        counted = [count(failure_kind, key) for failure_kind, key in keys]
    made = Attempt()
    yield made
    if made.succeeded:
        _forgive(counted)
    else:
        _record_locks(*keys)


def count(failure_kind: FailureKind, key: str) -> Counted:
    """Count one attempt. Raises Locked, and counts nothing, while a lock holds."""
    now = timezone.now()
    with transaction.atomic():
        row, _ = LoginFailures.objects.select_for_update().get_or_create(failure_kind=failure_kind, key=key)
        if row.locked_until is not None and row.locked_until > now:
            raise Locked((row.locked_until - now).total_seconds())
        faded, row.last = _faded(row, now)
        row.failures += 1 - faded
        pause = RULES[failure_kind].pause(row.failures)
        row.locked_until = now + pause if pause else None
        row.save(update_fields=["failures", "last", "locked_until"])
    return Counted(failure_kind, key, row.locked_until)


def _faded(row: LoginFailures, now: datetime) -> tuple[int, datetime]:
    """How many of the failures are forgotten by now, and since when the rest has been fading. Without that time, a
    failure every few minutes would start it over, and none would ever be forgotten."""
    passed = now - row.last
    if passed > FORGOTTEN:
        return row.failures, now
    if row.failure_kind in _OF_ACCOUNT:
        return 0, now
    step = FORGOTTEN / RULES[FailureKind(row.failure_kind)].allowed
    faded = max(0, passed // step)
    return (faded, row.last + faded * step) if faded < row.failures else (row.failures, now)


def token_failed() -> None:
    """Count a token that is not valid against the request's address. Raises Locked while it has to wait.

    Valid ones go on working: 256 random bits are not guessed, and one script with an old token must not stop the
    scripts of everybody behind the same address.
    """
    if address := _address():
        count(FailureKind.TOKEN_ADDRESS, address)
        _record_locks((FailureKind.TOKEN_ADDRESS, address))


def unlock(row: LoginFailures, *, actor: User | None) -> None:
    """Forget the failures, so that the next attempt is allowed at once."""
    with transaction.atomic():
        if LoginFailures.objects.filter(pk=row.pk).delete()[0]:
            audit.record("login.unlocked", actor=actor, kind=row.failure_kind, key=row.key, failures=row.failures)


def normal(username: str) -> str:
    """The name as it is compared: names that differ in case alone share their failures."""
    return "".join(letter for letter in username if letter.isprintable()).casefold()[:150]


def of_address(text: str) -> str:
    """An address as it is counted: of IPv6 the network of 64 bits, as one visitor has all of its addresses. Raises
    ValueError for other texts."""
    if ipaddress.ip_address(text).version == 4:
        return text
    return str(ipaddress.ip_network(f"{text}/64", strict=False))


def _address() -> str:
    """The request's address as it is counted; empty if there is none."""
    text = audit.address()
    return of_address(text) if text else ""


def _forgive(attempts: Iterable[Counted]) -> None:
    """After a success a name starts over; its address only gets this attempt back, or one account would reset it."""
    for one in attempts:
        rows = LoginFailures.objects.filter(failure_kind=one.failure_kind, key=one.key)
        if one.failure_kind in _OF_ACCOUNT:
            rows.delete()
            continue
        rows.filter(failures__gt=0).update(failures=F("failures") - 1)
        if one.locked_until:
            rows.filter(locked_until=one.locked_until).update(locked_until=None)


def _record_locks(*keys: tuple[FailureKind, str]) -> None:
    """An audit row for each lock that now holds; and rows whose failures are forgotten are deleted."""
    now = timezone.now()
    for failure_kind, key in keys:
        row = LoginFailures.objects.filter(failure_kind=failure_kind, key=key, locked_until__gt=now).first()
        if row is not None and row.locked_until is not None:
            until = row.locked_until.isoformat()
            audit.record("login.locked", kind=failure_kind, key=key, failures=row.failures, until=until)
            LoginFailures.objects.filter(last__lt=now - FORGOTTEN).delete()
