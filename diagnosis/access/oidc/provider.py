"""The identity provider: its addresses and keys, and the claims of a person who returns from it.

authlib makes the requests and holds the rules of claims, joserfc the signatures (OpenID Connect Core 1.0, 3.1). What
they leave to their callers is here: limits of time and size, no redirects, the algorithms, issuer and audience.
"""

import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from diagnosis.access.oidc.rules import configured
from diagnosis.access.refusals import Refused

ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA"
)  # fmt: skip
"""Of signatures by a key that the provider alone has: neither none nor those with a shared secret."""
LEEWAY = 60
"""Seconds by which the provider's clock may differ."""
_TIMEOUT = (3, 5)
"""Seconds to connect, and between two reads."""
_SECONDS = 10.0
_MAX_BYTES = 512 * 1024
_FRESH = 600.0
"""Seconds for which addresses and keys are kept. An unknown key is looked for again, at most once in ten seconds."""
_AGAIN = 10.0


class Unreachable(Refused):
    """The provider does not answer, or gives an answer that makes no sense."""

    def __init__(self, why: str) -> None:
        super().__init__("provider_unreachable", f"{configured().name} cannot be reached right now.")
        self.why = why


class Untrusted(Refused):
    """What came back is not what this site asked the provider for."""

    def __init__(self, why: str) -> None:
        super().__init__("invalid_answer", f"The answer of {configured().name} is not valid. Log in again.")
        self.why = why


@dataclass
class _Known:
    """What this process knows of the provider."""

    issuer: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    keys: dict[str, Any] = field(default_factory=dict)
    metadata_at: float = 0.0
    keys_at: float = 0.0


_known = _Known()


def metadata() -> dict[str, Any]:
    """The provider's discovery document (OpenID Connect Discovery 1.0, 4). Raises Unreachable."""
    issuer = configured().issuer
    if _known.issuer != issuer or time.monotonic() - _known.metadata_at > _FRESH:
        found = _get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != issuer:
            raise Unreachable(f"it calls itself {str(found.get('issuer'))[:200]!r}, not as OIDC_ISSUER says")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not _is_safe(found.get(name)):
                raise Unreachable(f"its {name} is no https address")
        _known.issuer, _known.metadata, _known.metadata_at, _known.keys = issuer, found, time.monotonic(), {}
    return _known.metadata


def start(*, redirect_uri: str, again: bool = False) -> dict[str, str]:
    """A new request for a login: `url` to send the browser to, and `state`, `nonce` and `verifier` to keep.

    again: have the person log in at the provider even if they are, as a confirmation asks for. Raises Unreachable.
    """
    endpoint = metadata()["authorization_endpoint"]
    verifier, nonce = generate_token(64), generate_token(32)
    fresh = {"prompt": "login", "max_age": "0"} if again else {}
    with _client(redirect_uri) as client:
        url, state = client.create_authorization_url(
            endpoint, state=generate_token(32), code_verifier=verifier, nonce=nonce, **fresh
        )
    return {"url": url, "state": state, "nonce": nonce, "verifier": verifier}


def claims(answer: Mapping[str, str], *, redirect_uri: str, nonce: str, verifier: str) -> tuple[dict[str, Any], str]:
    """The claims of the person who returns with this answer, and the ID token itself.

    Raises Unreachable, Untrusted, or Refused if the provider has logged nobody in.
    """
    if "iss" in answer and answer["iss"] != configured().issuer:  # RFC 9207
        raise Untrusted("the answer is another provider's")
    if error := answer.get("error"):
        code = error if re.fullmatch("[a-z_]{1,40}", error) else "unknown error"  # anybody can write this address
        raise Refused("provider_refused", f"{configured().name} did not log you in ({code}).")
    if not answer.get("code"):
        raise Untrusted("there is no code")
    endpoint = metadata()["token_endpoint"]
    with _client(redirect_uri) as client, _translated():
        token = client.fetch_token(
            endpoint, grant_type="authorization_code", code=answer["code"], code_verifier=verifier,
            timeout=_TIMEOUT, allow_redirects=False,
        )  # fmt: skip
    id_token = token.get("id_token")
    if not isinstance(id_token, str):
        raise Untrusted("there is no ID token")
    found = _verified(id_token, nonce=nonce, access_token=token.get("access_token"))
    return _with_userinfo(found, access_token=token.get("access_token")), id_token


def logout_url(id_token: str, *, back_to: str) -> str | None:
    """Where the person logs out of the provider (RP-Initiated Logout 1.0); None where it has no such page."""
    try:
        endpoint = metadata().get("end_session_endpoint")
    except Unreachable:
        return None
    if not _is_safe(endpoint):
        return None
    parameters = {"id_token_hint": id_token, "client_id": configured().client_id, "post_logout_redirect_uri": back_to}
    return f"{endpoint}{'&' if '?' in str(endpoint) else '?'}{urlencode(parameters)}"


def _client(redirect_uri: str) -> Any:
    oidc = configured()
    methods = metadata().get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    basic = "client_secret_basic" in methods or "client_secret_post" not in methods
    method = ("client_secret_basic" if basic else "client_secret_post") if oidc.client_secret else "none"
    return OAuth2Session(
        oidc.client_id, oidc.client_secret, token_endpoint_auth_method=method, scope=" ".join(oidc.scopes),
        redirect_uri=redirect_uri, code_challenge_method="S256",
    )  # fmt: skip


def _verified(id_token: str, *, nonce: str, access_token: str | None) -> dict[str, Any]:
    """The claims of an ID token, once everything about it is right. Raises Untrusted or Unreachable."""
    oidc = configured()
    supported = metadata().get("id_token_signing_alg_values_supported") or ["RS256"]
    registry = JWSRegistry(algorithms=[name for name in ALGORITHMS if name in supported], strict_check_header=False)
    with _translated():
        try:
            token = jwt.decode(id_token, _keys(), registry=registry)
        except InvalidKeyIdError:  # a new key
            token = jwt.decode(id_token, _keys(newer_than=_AGAIN), registry=registry)
        options = {
            "iss": {"essential": True, "value": oidc.issuer},
            "aud": {"essential": True, "value": oidc.client_id},
            "nonce": {"essential": True, "value": nonce},
        }
        expected = {"client_id": oidc.client_id, "nonce": nonce, "access_token": access_token}
        checked = CodeIDToken(token.claims, token.header, options, expected)
        checked.validate(leeway=LEEWAY)
    subject = checked["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:
        raise Untrusted("the subject is no text of 1 to 255 characters")
    return dict(checked)


def _with_userinfo(found: dict[str, Any], *, access_token: str | None) -> dict[str, Any]:
    """The claims, with those that the provider tells at its userinfo endpoint alone. What is signed stays."""
    oidc = configured()
    rules = [rule for rule in (oidc.required, oidc.readers, oidc.admins) if rule is not None]
    wanted = {oidc.username_claim, *(rule.claim for rule in rules), *(("email",) if oidc.link == "email" else ())}
    endpoint = metadata().get("userinfo_endpoint")
    if not access_token or not _is_safe(endpoint) or not {name.split(".")[0] for name in wanted} - found.keys():
        return found
    told = _get(str(endpoint), headers={"Authorization": f"Bearer {access_token}"})
    if told.get("sub") != found["sub"]:  # OpenID Connect Core 1.0, 5.3.2
        raise Untrusted("userinfo is about somebody else")
    return told | found


def _keys(*, newer_than: float = _FRESH) -> Any:
    if time.monotonic() - _known.keys_at > newer_than or not _known.keys:
        _known.keys, _known.keys_at = _get(metadata()["jwks_uri"]), time.monotonic()
    return KeySet.import_key_set(_known.keys)  # type: ignore[arg-type]  # checked as it is imported


def _get(url: str, *, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A JSON object, within limits. Raises Unreachable."""
    deadline = time.monotonic() + _SECONDS
    body = b""
    with (
        _translated(),
        requests.get(url, headers=headers, timeout=_TIMEOUT, stream=True, allow_redirects=False) as response,
    ):
        if response.status_code != 200:
            raise Unreachable(f"{urlsplit(url).path} is answered with {response.status_code}")
        for chunk in response.iter_content(16 * 1024):
            body += chunk
            if len(body) > _MAX_BYTES or time.monotonic() > deadline:
                raise Unreachable(f"the answer of {urlsplit(url).path} is too long or too slow")
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Unreachable(f"{urlsplit(url).path} is no JSON object")
    return found


def _is_safe(address: Any) -> bool:
    """Whether nobody on the network can impersonate the address: https, or http where the issuer itself uses it."""
    schemes = ("https", urlsplit(configured().issuer).scheme)
    return isinstance(address, str) and urlsplit(address).scheme in schemes and bool(urlsplit(address).hostname)


@contextmanager
def _translated() -> Iterator[None]:
    """The libraries' errors as ours, which name what went wrong and quote nothing."""
    try:
        yield
    except requests.RequestException as error:
        raise Unreachable(type(error).__name__) from None
    except JoseError as error:
        raise Untrusted(f"ID token: {error.error} {getattr(error, 'claim', '') or ''}".strip()) from None
    except AuthlibBaseError as error:
        raise Untrusted(f"token endpoint: {str(error.error)[:60]}") from None
    except (ValueError, TypeError, KeyError) as error:
        raise Untrusted(f"not understood ({type(error).__name__})") from None
