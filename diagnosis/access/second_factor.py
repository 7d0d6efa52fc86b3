"""Second factor: codes of an authenticator app (TOTP, RFC 6238) and recovery codes, and who needs one. `passkeys` are
the other kind.

The app's secret takes SECRET_KEY and the seed in the database (`app_secret`), so a copied database gives no codes. A
recovery code is 120 random bits, for which one SHA-256 is hash enough.
"""

import hashlib
import secrets
import time

import pyotp
from django.conf import settings
from django.db import transaction
from django.utils.crypto import constant_time_compare

from diagnosis.access import app_secret, audit, lockout
from diagnosis.access.refusals import Refused
from diagnosis.access.users import User
from diagnosis.models.login_failures import FailureKind
from diagnosis.models.second_factor import STEP, RecoveryCode, SecondFactor

CODES = 8
"""Recovery codes that a person gets together."""
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # pragma: allowlist secret
"""Without l, o, 0 and 1, which are easily confused."""
_LENGTH, _GROUP = 24, 4
_DRIFT = 1
"""Time steps by which the app's clock may be off, either way (RFC 6238, 5.2)."""


def uri(user: User, *, seed: str, host: str) -> str:
    """What the QR code says: the secret, and whose it is on which site."""
    return pyotp.TOTP(
        app_secret.secret(seed), name=f"{user.get_username()}@{host}", issuer="brainscan"
    ).provisioning_uri()


def is_required(user: User) -> bool:
    """Whether the site demands a second factor of this person (SECOND_FACTOR)."""
    return settings.SECOND_FACTOR == "all" or (settings.SECOND_FACTOR == "staff" and user.is_staff)


def of(user: User) -> SecondFactor | None:
    return SecondFactor.objects.filter(user=user.pk).first()


def add(user: User, *, seed: str, code: str) -> list[str]:
    """Add the app whose code this is. Returns the recovery codes, which are to be shown once.

    Beside passkeys there are recovery codes already, and none are returned. Raises Refused: wrong_code, or
    second_factor_exists.
    """
    step = _step(seed, _plain(code))
    if step is None:
        raise Refused("wrong_code", "This is not the code that the app shows now. Check the clock of your phone.")
    with transaction.atomic():
        factor, codes = claim(user)
        if factor.has_app:
            raise Refused("second_factor_exists", "You have an authenticator app already. Remove it first.")
        factor.seed, factor.last_step = seed, step
        factor.save(update_fields=["seed", "last_step"])
        audit.record("second_factor.added", actor=user, target=user)
    return codes


def claim(user: User) -> tuple[SecondFactor, list[str]]:
    """What the person has, locked until the transaction ends; with the first of it, new recovery codes."""
    factor, made = SecondFactor.objects.select_for_update().get_or_create(user=user)
    return factor, _new_codes(factor) if made else []


def renew_codes(factor: SecondFactor) -> list[str]:
    """New recovery codes instead of all earlier ones."""
    with transaction.atomic():
        audit.record("second_factor.codes_renewed", actor=factor.user, target=factor.user)
        return _new_codes(factor)


def remove_app(user: User, *, actor: User | None) -> bool:
    """Remove the app; without passkeys the recovery codes go, too. False: there was none."""
    with transaction.atomic():
        factor = SecondFactor.objects.select_for_update().filter(user=user.pk).exclude(seed="").first()
        if factor is None:
            return False
        factor.seed, factor.last_step = "", None
        factor.save(update_fields=["seed", "last_step"])
        audit.record("second_factor.removed", actor=actor, target=user, passkeys_left=factor.passkeys.count())
        drop_if_empty(user)
    return True


def drop_if_empty(user: User) -> None:
    """Delete recovery codes that are left alone: they are no second factor. Call it in the transaction of the
    removal."""
    factor = SecondFactor.objects.select_for_update().filter(user=user.pk, seed="").first()
    if factor is not None and not factor.passkeys.exists():
        factor.delete()


def remove(user: User, *, actor: User | None) -> bool:
    """Remove app, passkeys and recovery codes. False: there was nothing.

    People who need a second factor add one on the next page.
    """
    with transaction.atomic():
        removed = bool(SecondFactor.objects.filter(user=user.pk).delete()[0])
        if removed:
            audit.record("second_factor.removed", actor=actor, target=user)
    return removed


def check(user: User, code: str) -> bool:
    """Whether this is a code of the person's app, or a recovery code. Each is taken once. Raises lockout.Locked.

    Failures have a count of their own: that of passwords starts over whenever the password is right.
    """
    factor = of(user)
    if factor is None:
        return False
    with lockout.attempt(username=user.get_username(), failure_kind=FailureKind.CODE) as attempt:
        plain = _plain(code)
        attempt.succeeded = _take_step(factor, plain) or _take_recovery_code(factor, plain)
    if not attempt.succeeded:
        audit.record("second_factor.failed", target=user)
    return attempt.succeeded


def _take_step(factor: SecondFactor, code: str) -> bool:
    """One conditional UPDATE, so that of two requests with the same code one succeeds."""
    step = _step(factor.seed, code) if factor.has_app else None
    if step is None:
        return False
    return bool(SecondFactor.objects.filter(pk=factor.pk, last_step__lt=step).update(last_step=step))


def _take_recovery_code(factor: SecondFactor, code: str) -> bool:
    with transaction.atomic():
        taken = bool(factor.recovery_codes.filter(digest=_digest(code)).delete()[0])
        if taken:
            left = factor.recovery_codes.count()
            audit.record("second_factor.recovery_code_used", actor=factor.user, target=factor.user, left=left)
    return taken


def _step(seed: str, code: str) -> int | None:
    """The time step that this is the code of; None if it is none of now. An app that was added under an earlier
    SECRET_KEY counts for as long as SECRET_KEY_FALLBACKS has that key."""
    now = int(time.time()) // STEP
    steps = range(now - _DRIFT, now + _DRIFT + 1)
    apps = [pyotp.TOTP(secret, interval=STEP) for secret in app_secret.secrets_of(seed)]
    right = (step for app in apps for step in steps if constant_time_compare(app.generate_otp(step), code))
    return next(right, None)


def _new_codes(factor: SecondFactor) -> list[str]:
    factor.recovery_codes.all().delete()
    codes = ["".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH)) for _ in range(CODES)]
    RecoveryCode.objects.bulk_create(RecoveryCode(factor=factor, digest=_digest(code)) for code in codes)
    return ["-".join(code[at : at + _GROUP] for at in range(0, _LENGTH, _GROUP)) for code in codes]


def _plain(code: str) -> str:
    """As it is compared: people type and paste spaces, hyphens and capitals."""
    return "".join(letter for letter in code if letter.isalnum()).lower()[:64]


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
