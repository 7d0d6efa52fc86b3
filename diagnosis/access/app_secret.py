"""The secret of an authenticator app. SECRET_KEY derives it from a seed in the database; a seed is one of

KEY:RANDOM     the secret is an HMAC of the seed; KEY names the key without telling it
64 digits      the same, from before seeds named their key
sealed:TEXT    the secret itself, encrypted: an app that was moved from an earlier key, and so cannot be an HMAC
"""

import base64
import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.crypto import salted_hmac

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

_SALT = "diagnosis.access.second_factor"  # apps depend on it
_SEALED = "sealed:"
_BYTES = 20
"""160 bits (RFC 4226, 4 R6)."""


def new_seed() -> str:
    """For an app that is to be added, under today's key."""
    return f"{_name(settings.SECRET_KEY)}:{secrets.token_hex(20)}"


def secret(seed: str) -> str:
    """The secret of a new seed, for the app to hold, in base32."""
    return next(secrets_of(seed), "")


def secrets_of(seed: str) -> Iterator[str]:
    """The secrets that the app may hold, in base32: one, or one for each key if the seed does not name its key."""
    return (_base32(found) for key in _keys() if (found := _under(seed, key)) is not None)


def moved(seed: str) -> str | None:
    """A seed for the same app that needs today's key alone; None if no key that the site has opens it.

    A seed that names no key is older than any rotation that keeps apps, so it belongs to the oldest key there is.
    """
    if ":" not in seed:
        return seed if _keys() == [settings.SECRET_KEY] else _sealed(_derived(seed, _keys()[-1]))
    for key in _keys():
        found = _under(seed, key)
        if found is not None:
            return seed if key == settings.SECRET_KEY else _sealed(found)
    return None


def _keys() -> list[str]:
    return [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]


def _under(seed: str, key: str) -> bytes | None:
    """The secret, if the seed may be of this key."""
    if seed.startswith(_SEALED):
        return _opened(seed, key)
    named, colon, _ = seed.partition(":")
    return _derived(seed, key) if not colon or named == _name(key) else None


def _derived(seed: str, key: str) -> bytes:
    return salted_hmac(_SALT, seed, secret=key, algorithm="sha256").digest()[:_BYTES]


def _name(key: str) -> str:
    return salted_hmac(f"{_SALT} name", "", secret=key, algorithm="sha256").hexdigest()[:16]


def _sealed(found: bytes) -> str:
    return _SEALED + base64.urlsafe_b64encode(_cipher(settings.SECRET_KEY).encrypt(found, None)).decode()


def _opened(seed: str, key: str) -> bytes | None:
    from cryptography.exceptions import InvalidTag

    try:
        return bytes(_cipher(key).decrypt(base64.urlsafe_b64decode(seed.removeprefix(_SEALED)), None))
    except (InvalidTag, ValueError):
        return None


def _cipher(key: str) -> "AESSIV":
    """RFC 5297: made to wrap keys, and needs no nonce."""
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

    return AESSIV(salted_hmac(f"{_SALT} seal", "", secret=key, algorithm="sha512").digest())


def _base32(found: bytes) -> str:
    return base64.b32encode(found).decode()
