"""Challenges for passkeys, and what the browser's answer proves (W3C Web Authentication Level 3, 7.1 and 7.2).

A challenge waits in the session, on the server. It is good for one answer, for PATIENCE seconds, for what it was asked
for, and at the origin it was asked at. fido2 checks signatures and all that is signed. It is imported where it is used:
it takes 20 MB and a quarter of a second, and most processes never see a passkey.
"""

import ipaddress
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

from diagnosis.access.refusals import Refused
from diagnosis.access.users import User
from diagnosis.models import Passkey

if TYPE_CHECKING:
    from fido2.server import Fido2Server

PATIENCE = 300
"""Seconds in which a challenge is answered; the browser gives up after as many."""
LONGEST = 16_000
"""Characters of an answer; real ones have about 1,000."""
_ALGORITHMS = (-8, -7, -257)
"""EdDSA, ES256 and RS256 (RFC 9053, RFC 8812), as WebAuthn recommends; fido2 would also take RSA with SHA-1."""
_LONGEST_ID = 1023  # bytes (WebAuthn 4, Credential ID)
_KEY = "passkey_challenge"


class Purpose(StrEnum):
    """What a passkey is asked for."""

    ADD = "add"
    LOGIN = "login"  # without a password
    SECOND_FACTOR = "second_factor"
    CONFIRM = "confirm"


_VERIFIED = (Purpose.LOGIN, Purpose.CONFIRM)
"""No password comes with these, so the device must have asked for its PIN, a finger or a face."""


class NotProven(Exception):
    """The answer proves nothing; its text says why, for the audit trail."""


@dataclass(frozen=True)
class Site:
    """The site as a browser sees it: host (WebAuthn's relying party id) and origin."""

    host: str
    origin: str


@dataclass(frozen=True)
class Challenge:
    """A challenge, who may answer it, and on which host. user: primary key, None where anybody may answer."""

    purpose: str
    at: float
    user: int | None
    host: str
    origin: str
    handle: str
    state: dict[str, Any]

    @property
    def text(self) -> str:
        return str(self.state["challenge"])


@dataclass(frozen=True)
class NewCredential:
    """What an authenticator made. id: base64url. packed: kind of authenticator, id and public key."""

    id: str
    packed: bytes
    sign_count: int


def site_of(request: HttpRequest) -> Site | None:
    """The site as this request's browser sees it; None where it can have no passkeys.

    The host has to be in ALLOWED_HOSTS in full, or its origin in CSRF_TRUSTED_ORIGINS (where a proxy changes the
    host): a pattern there does not count, since it would let a request choose. Browsers want HTTPS, or localhost, and
    take no IP address.
    """
    own = f"{request.scheme}://{request.get_host()}"
    origin = request.headers.get("Origin", own)
    parts = urlsplit(origin)
    host = parts.hostname or ""
    listed = origin == own and host in (one.lower() for one in settings.ALLOWED_HOSTS)
    secure = parts.scheme == "https" or host == "localhost" or host.endswith(".localhost")
    if not secure or _is_address(host) or not (listed or origin in settings.CSRF_TRUSTED_ORIGINS):
        return None
    return Site(host, origin)


def ask_to_create(request: HttpRequest, user: User, *, handle: str, existing: Iterable[Passkey]) -> dict[str, Any]:
    """What `navigator.credentials.create` is called with. handle: base64url. existing: the passkeys to exclude."""
    from fido2.utils import websafe_decode
    from fido2.webauthn import PublicKeyCredentialUserEntity

    site = _site(request)
    name = user.get_username()
    options, state = _server(site.host).register_begin(
        PublicKeyCredentialUserEntity(id=websafe_decode(handle), name=name, display_name=user.get_full_name() or name),
        credentials=_descriptors(existing),
        resident_key_requirement="preferred",  # type: ignore[arg-type]  # fido2 makes its enumerations of the words
        user_verification="preferred",  # type: ignore[arg-type]
    )
    _keep(request, Challenge(Purpose.ADD, time.time(), user.pk, site.host, site.origin, handle, state))
    return dict(options.public_key)


def ask(request: HttpRequest, *, purpose: Purpose, user: User | None, allowed: Iterable[Passkey]) -> dict[str, Any]:
    """What `navigator.credentials.get` is called with. allowed: passkeys that may answer; empty: any of this site."""
    site = _site(request)
    options, state = _server(site.host).authenticate_begin(
        credentials=_descriptors(allowed),
        user_verification="required" if purpose in _VERIFIED else "preferred",  # type: ignore[arg-type]
    )
    pk = user.pk if user else None
    _keep(request, Challenge(purpose, time.time(), pk, site.host, site.origin, "", state))
    return dict(options.public_key)


def take(request: HttpRequest, *, purpose: Purpose, user: User | None) -> Challenge:
    """The challenge that is being answered, which is used up by this. Raises NotProven: none, too late, or somebody
    else's."""
    kept = request.session.pop(_KEY, None)
    challenge = Challenge(**kept) if kept else None
    if challenge is None or (challenge.purpose, challenge.user) != (purpose, user.pk if user else None):
        raise NotProven("nothing was asked")
    if not 0 <= time.time() - challenge.at < PATIENCE:
        raise NotProven("too late")
    return challenge


def created(challenge: Challenge, answer: str) -> NewCredential:
    """The new credential of an answer. Raises NotProven."""
    from fido2.webauthn import RegistrationResponse

    response = _parsed(RegistrationResponse, answer)
    _check_frame(response)
    try:
        data = _server(challenge.host, challenge.origin).register_complete(challenge.state, response)
    except ValueError as error:
        raise NotProven(str(error)) from error
    credential = data.credential_data
    if credential is None or len(credential.credential_id) > _LONGEST_ID or not _is_usable(credential.public_key):
        raise NotProven("no usable key")
    return NewCredential(response.id, bytes(credential), data.counter)


def credential_id(answer: str) -> str | None:
    """The id of the passkey that an answer names, in base64url; None if it cannot be read."""
    from fido2.webauthn import AuthenticationResponse

    try:
        return str(_parsed(AuthenticationResponse, answer).id)
    except NotProven:
        return None


def sign_count(challenge: Challenge, answer: str, *, passkey: Passkey) -> int:
    """Whether the passkey signed this challenge, and its count. Raises NotProven."""
    from fido2.utils import websafe_encode
    from fido2.webauthn import AttestedCredentialData, AuthenticationResponse

    response = _parsed(AuthenticationResponse, answer)
    _check_frame(response)
    handle = response.response.user_handle
    if (handle or challenge.purpose == Purpose.LOGIN) and websafe_encode(handle or b"") != passkey.user_handle:
        raise NotProven("of another person")
    credential = AttestedCredentialData(bytes(passkey.credential))
    try:
        _server(challenge.host, challenge.origin).authenticate_complete(challenge.state, [credential], response)
    except ValueError as error:
        raise NotProven(str(error)) from error
    return int(response.response.authenticator_data.counter)


def _server(host: str, origin: str = "") -> "Fido2Server":
    from fido2.server import Fido2Server
    from fido2.webauthn import PublicKeyCredentialRpEntity

    server = Fido2Server(
        PublicKeyCredentialRpEntity(id=host, name="brainscan"),
        attestation="none",  # type: ignore[arg-type]  # any authenticator will do, so none has to say what it is
        verify_origin=lambda given: given == origin,
    )
    server.timeout = PATIENCE * 1000  # type: ignore[assignment]
    by_number = {one.alg: one for one in server.allowed_algorithms}
    server.allowed_algorithms = [by_number[number] for number in _ALGORITHMS]
    return server


def _site(request: HttpRequest) -> Site:
    site = site_of(request)
    if site is None:
        raise Refused("passkeys_unavailable", "Passkeys need HTTPS, and a host name that the site's settings list.")
    return site


def _keep(request: HttpRequest, challenge: Challenge) -> None:
    request.session[_KEY] = vars(challenge)


def _descriptors(passkeys: Iterable[Passkey]) -> list[Any] | None:
    from fido2.server import to_descriptor
    from fido2.webauthn import AttestedCredentialData

    return [to_descriptor(AttestedCredentialData(bytes(one.credential))) for one in passkeys] or None


def _parsed(response_type: Any, answer: str) -> Any:
    """The answer as fido2's type of response."""
    if len(answer) > LONGEST:
        raise NotProven("too long")
    try:
        return response_type.from_dict(dict(json.loads(answer)))
    except Exception as error:  # hostile bytes end in many ways in a parser: keys, types, lengths, depth
        raise NotProven("not readable") from error


def _check_frame(response: Any) -> None:
    if response.response.client_data.cross_origin:
        raise NotProven("asked in a frame of another site")


def _is_usable(key: Any) -> bool:
    """Whether the key is of a requested type and intact: it rejects a wrong signature without an error."""
    from cryptography.exceptions import InvalidSignature

    if key.get(3) not in _ALGORITHMS:
        return False
    try:
        key.verify(b"", b"")
    except InvalidSignature:
        return True
    except Exception:  # parts missing, or no point of the curve
        return False
    return False


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
