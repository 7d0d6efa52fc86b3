"""Making, finding and revoking API tokens.

A key is 256 random bits, so one SHA-256 is hash enough: there is nothing to guess that a slow hash would protect.
"""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import timedelta
from functools import cache

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from diagnosis.access import audit, selectors
from diagnosis.access.refusals import Refused
from diagnosis.access.users import User
from diagnosis.models.api_token import ApiToken, Scope

MAX_TOKENS = 20
"""Most tokens of one person: more would be forgotten, not used."""
LONGEST_DAYS = 366
"""Longest life, in days, of a token made on the page."""
_USED_STEP = timedelta(minutes=5)
"""Precision of `last_used`: a script may send several requests a second."""


def create(
    user: User, *, name: str, scopes: Iterable[str], days: int | None, actor: User | None = None
) -> tuple[ApiToken, str]:
    """A new token and its key, which is to be shown once. days: None for a token that never expires.

    Raises Refused for what cannot be made: invalid_name, name_taken, no_scope, invalid_days, too_many_tokens.
    """
    name = " ".join("".join(letter for letter in name if letter.isprintable()).split())
    wanted = set(scopes)
    if not 0 < len(name) <= 60:
        raise Refused("invalid_name", "Say in 1 to 60 characters what the token is for.")
    if not wanted or wanted - set(Scope.values):
        raise Refused("no_scope", f"Choose what the token allows: {', '.join(Scope.values)}.")
    if days is not None and not 1 <= days <= LONGEST_DAYS:
        raise Refused("invalid_days", f"A token expires after 1 to {LONGEST_DAYS} days.")
    if actor is not None and user.api_tokens.count() >= MAX_TOKENS:
        raise Refused("too_many_tokens", f"You have {MAX_TOKENS} tokens. Revoke one that you no longer use.")
    key = secrets.token_hex(32)
    now = timezone.now()
    try:
        with transaction.atomic():
            token = ApiToken.objects.create(
                user=user,
                name=name,
                digest=digest(key),
                hint=key[:4],
                scopes=[scope for scope in Scope.values if scope in wanted],
                created=now,
                expires=now + timedelta(days=days) if days else None,
            )
            audit.record("token.created", actor=actor, target=user, name=name, scopes=token.scopes, days=days)
    except IntegrityError:
        raise Refused("name_taken", f"You have a token named {name} already. Choose another name.") from None
    return token, key


def revoke(token: ApiToken, *, actor: User | None) -> None:
    """Revoke a token: it is unknown from the next request on."""
    with transaction.atomic():
        if ApiToken.objects.filter(pk=token.pk).delete()[0]:
            audit.record("token.revoked", actor=actor, target=token.user, name=token.name)


def revoke_all(user: User, *, actor: User | None = None) -> int:
    """Revoke all tokens of a person, who leaves or wants to shut others out. Returns how many there were."""
    with transaction.atomic():
        count = ApiToken.objects.filter(user=user).delete()[0]
        if count:
            audit.record("token.revoked", actor=actor, target=user, count=count)
    return count


def of(user: User) -> QuerySet[ApiToken]:
    """A person's own tokens; nobody else's are shown to them."""
    return ApiToken.objects.filter(user=user.pk).select_related("user")


def find(key: str) -> ApiToken | None:
    """The token of this key with its user, loaded with `selectors.user_columns`; None if none is valid. One query."""
    valid = _with_users().filter(Q(expires=None) | Q(expires__gt=timezone.now()), digest=digest(key))
    token = valid.first()
    if token is not None:
        for name in selectors.user_columns("user"):
            setattr(token.user, name, getattr(token, name))
    return token


@cache
def _with_users() -> QuerySet[ApiToken]:
    """All tokens with their users, to filter. Made once: annotating takes a third of the time of `find`."""
    return ApiToken.objects.select_related("user").annotate(**selectors.user_columns("user"))


def note_use(token: ApiToken) -> None:
    """Record when the token was last used, at most once in five minutes."""
    now = timezone.now()
    if token.last_used is None or now - token.last_used > _USED_STEP:
        ApiToken.objects.filter(pk=token.pk).update(last_used=now)


def digest(key: str) -> str:
    """What is stored of a key."""
    return hashlib.sha256(key.encode()).hexdigest()
