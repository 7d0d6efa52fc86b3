"""Passkeys of people: adding, using and removing them.

A passkey is the second factor after a password, confirms who is there, and logs in alone where the device has asked for
its PIN, a finger or a face. Each use is one conditional UPDATE, so of two requests with the same answer one succeeds.
"""

import secrets
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from diagnosis.access import audit, lockout, second_factor, webauthn
from diagnosis.access.refusals import Refused
from diagnosis.access.users import User
from diagnosis.access.webauthn import NotProven, Purpose
from diagnosis.models import Passkey
from diagnosis.models.login_failures import FailureKind
from diagnosis.models.passkey import NAME_LENGTH

MAX_PASSKEYS = 20
"""The maximum per person; the browser is sent the whole list."""

_COPIED = "its count went back"
_SENTENCES = {
    _COPIED: "This passkey may have been copied: it says that it was used less often than the site knows. "
    "Log in another way, and remove it.",
    "too late": "The answer came too late. Try again.",
}


def of(user: User) -> QuerySet[Passkey]:
    """A person's passkeys, in the order in which they were added."""
    return Passkey.objects.filter(factor=user.pk)


def options_to_add(request: HttpRequest, user: User) -> dict[str, Any]:
    """What the browser is asked for a new passkey. Raises Refused: passkeys_unavailable, too_many_passkeys."""
    existing = list(of(user))
    if len(existing) >= MAX_PASSKEYS:
        raise Refused("too_many_passkeys", f"You have {MAX_PASSKEYS} passkeys already. Remove one first.")
    handle = existing[0].user_handle if existing else secrets.token_urlsafe(64)
    return webauthn.ask_to_create(request, user, handle=handle, existing=_at(request, existing))


def options(request: HttpRequest, *, purpose: Purpose, user: User | None = None) -> dict[str, Any]:
    """What the browser is asked for a passkey that there is: one of `user`, or anybody's to log in without a password.

    Raises Refused: passkeys_unavailable, no_passkey.
    """
    existing = _at(request, of(user)) if user else []
    if user and not existing:
        raise Refused("no_passkey", "You have no passkey for this address.")
    return webauthn.ask(request, purpose=purpose, user=user, allowed=existing)


def add(request: HttpRequest, user: User, *, name: str, answer: str) -> list[str]:
    """Add the passkey that the browser has made. Returns the recovery codes if it is the person's first second factor.

    Raises Refused: passkey_refused, wrong_name, passkey_exists.
    """
    name = " ".join("".join(one for one in name if one.isprintable()).split())
    if not 0 < len(name) <= NAME_LENGTH:
        raise Refused("wrong_name", f"Give the passkey a name, of {NAME_LENGTH} characters at most.")
    try:
        challenge = webauthn.take(request, purpose=Purpose.ADD, user=user)
        made = webauthn.created(challenge, answer)
    except NotProven as error:
        audit.record("passkey.failed", actor=user, target=user, purpose=Purpose.ADD, reason=str(error))
        raise _refused(str(error)) from error
    with transaction.atomic():
        factor, codes = second_factor.claim(user)
        if Passkey.objects.filter(credential_id=made.id).exists() or factor.passkeys.filter(name=name).exists():
            raise Refused("passkey_exists", "There is such a passkey, or one of this name, already.")
        passkey = Passkey.objects.create(
            factor=factor,
            name=name,
            host=challenge.host,
            credential_id=made.id,
            credential=made.packed,
            user_handle=challenge.handle,
            sign_count=made.sign_count,
        )
        audit.record("passkey.added", actor=user, target=user, passkey=passkey.name, host=passkey.host)
    return codes


def check(request: HttpRequest, user: User, *, purpose: Purpose, answer: str) -> None:
    """Check an answer against this person's passkeys. Raises Refused: passkey_refused; lockout.Locked."""
    _prove(request, purpose=purpose, answer=answer, user=user)


def identify(request: HttpRequest, *, answer: str) -> User:
    """The owner of the passkey that answers a login without a password. Raises Refused: passkey_refused;
    lockout.Locked."""
    return _prove(request, purpose=Purpose.LOGIN, answer=answer, user=None)


def remove(passkey: Passkey, *, actor: User | None) -> None:
    """Remove a passkey; with the last of what somebody has, their recovery codes go, too."""
    with transaction.atomic():
        user = passkey.factor.user
        if Passkey.objects.filter(pk=passkey.pk).delete()[0]:
            audit.record("passkey.removed", actor=actor, target=user, passkey=passkey.name, host=passkey.host)
            second_factor.drop_if_empty(user)


def _prove(request: HttpRequest, *, purpose: Purpose, answer: str, user: User | None) -> User:
    """Every answer counts as an attempt, also one to a challenge that is gone."""
    found = webauthn.credential_id(answer)
    passkey = Passkey.objects.select_related("factor__user").filter(credential_id=found).first() if found else None
    owner = user or (passkey.factor.user if passkey else None)
    name = owner.get_username() if owner else None
    reason = ""
    with lockout.attempt(username=name, failure_kind=FailureKind.CODE) as attempt:
        try:
            challenge = webauthn.take(request, purpose=purpose, user=user)
            _use(passkey, challenge, answer, owner=owner)
            attempt.succeeded = True
        except NotProven as error:
            reason = str(error)
    if passkey is None or reason:
        named = passkey.name if passkey and passkey.factor.user == owner else ""
        audit.record("passkey.failed", target=owner, passkey=named, purpose=purpose, reason=reason)
        raise _refused(reason)
    return passkey.factor.user


def _use(passkey: Passkey | None, challenge: webauthn.Challenge, answer: str, *, owner: User | None) -> None:
    """Check the answer and keep the use. Raises NotProven."""
    if passkey is None or passkey.factor.user != owner:
        raise NotProven("not known" if passkey is None else "of another person")
    if not passkey.factor.user.is_active:
        raise NotProven("deactivated")
    count = webauthn.sign_count(challenge, answer, passkey=passkey)
    unused = Passkey.objects.filter(pk=passkey.pk).exclude(last_challenge=challenge.text)
    # Many always say 0. Any other count grows with each use, or somebody uses a copy (WebAuthn 6.1.1).
    grown = unused.filter(sign_count__lt=count) if count else unused.filter(sign_count=0)
    with transaction.atomic():
        if not grown.update(sign_count=count, last_challenge=challenge.text, last_used=timezone.now()):
            raise NotProven(_COPIED if unused.exists() else "used already")
        audit.record("passkey.used", actor=owner, target=owner, passkey=passkey.name, purpose=challenge.purpose)


def _at(request: HttpRequest, passkeys: Iterable[Passkey]) -> list[Passkey]:
    """The passkeys that work at the address at which the site was opened."""
    site = webauthn.site_of(request)
    return [one for one in passkeys if site and one.host == site.host]


def _refused(reason: str) -> Refused:
    return Refused("passkey_refused", _SENTENCES.get(reason, "This passkey was not accepted here. Try again."))
