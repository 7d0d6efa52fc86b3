"""The redirect to the identity provider and back: what the session keeps meanwhile, and what happens on return."""

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import structlog
from django.contrib.auth import login
from django.http import HttpRequest

from diagnosis.access import audit, lockout, login_steps, reauthentication, second_factor
from diagnosis.access.oidc import accounts, provider
from diagnosis.access.refusals import Refused
from diagnosis.access.users import User

_log = structlog.get_logger(__name__)

_FLOWS = "sso_flows"
_ID_TOKEN = "sso_id_token"  # noqa: S105  (the session's key for it)
_MAX_FLOWS = 5
"""Logins that one session may have begun at once, one a tab; the oldest is dropped."""
_PATIENCE = 600
"""Seconds to log in at the provider."""
_SKEW = 30
"""Seconds by which the provider's clock may lag when it reports the time of a login."""
_UNKNOWN = "This login was not begun in this browser, or too long ago. Log in again."
_COUNTED = ("unknown_state", "invalid_answer")
"""Refusals that count against an address. Refusals by a rule do not: those people have identified themselves to the
provider."""


class Purpose(StrEnum):
    """Why somebody is sent to the provider."""

    LOGIN = "login"
    CONFIRM = "confirm"
    LINK = "link"


@dataclass(frozen=True)
class Done:
    """Where the person wants to go, and whether the site asks for its own code first."""

    purpose: Purpose
    target: str
    needs_code: bool = False


def start(request: HttpRequest, *, purpose: Purpose, target: str, redirect_uri: str) -> str:
    """The provider's address to send the browser to. Raises provider.Unreachable.

    target: where to go afterwards, checked to be on this site.
    """
    try:
        made = provider.start(redirect_uri=redirect_uri, again=purpose is not Purpose.LOGIN)
    except provider.Unreachable as error:
        _log.warning("provider_unreachable", reason=error.why)
        raise
    flows = dict(sorted(request.session.get(_FLOWS, {}).items(), key=lambda flow: flow[1]["at"])[1 - _MAX_FLOWS :])
    url, state = made.pop("url"), made.pop("state")
    kept = {"purpose": purpose, "target": target, "redirect_uri": redirect_uri, "at": time.time()}
    request.session[_FLOWS] = flows | {state: kept | made | {"user": request.user.pk}}
    return url


def finish(request: HttpRequest) -> Done:
    """Handle the return from the provider: log in, confirm or link.

    Raises Refused, with an audit row that says why, or lockout.Locked while the address has to wait. An answer to
    nothing, by way of another site's page, is refused without either.
    """
    flow: dict[str, Any] = {}
    if _from_another_site(request) and _state(request) not in request.session.get(_FLOWS, {}):
        raise Refused("unknown_state", _UNKNOWN)  # a page that sends its readers here is not to lock their address
    with lockout.attempt(username=None) as attempt:
        try:
            flow = _taken(request)
            answer = {name: request.GET[name] for name in ("code", "error", "iss") if name in request.GET}
            claims, id_token = provider.claims(
                answer, redirect_uri=flow["redirect_uri"], nonce=flow["nonce"], verifier=flow["verifier"]
            )
            done = _DO[Purpose(flow["purpose"])](request, flow, claims)
            attempt.succeeded, refused = True, None
        except Refused as error:
            attempt.succeeded, refused = error.code not in _COUNTED, error
    if refused is not None:
        details: dict[str, Any] = {"reason": refused.code, "purpose": flow.get("purpose", "")}
        if isinstance(refused, provider.Unreachable | provider.Untrusted):
            details["why"] = refused.why
        audit.record("sso.refused", actor=request.user, **details)
        raise refused
    request.session[_ID_TOKEN] = id_token
    return done


def id_token(request: HttpRequest) -> str:
    """What the provider said when this session began; empty where it did not begin there."""
    return str(request.session.get(_ID_TOKEN, ""))


def _taken(request: HttpRequest) -> dict[str, Any]:
    """What the session kept for this return; it can be taken once."""
    flows = request.session.get(_FLOWS, {})
    flow: dict[str, Any] | None = flows.pop(_state(request), None)
    request.session[_FLOWS] = flows
    if flow is None or not 0 <= time.time() - flow["at"] < _PATIENCE:
        raise Refused("unknown_state", _UNKNOWN)
    return flow


def _state(request: HttpRequest) -> str:
    return str(request.GET.get("state", ""))


def _from_another_site(request: HttpRequest) -> bool:
    return request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none")


def _log_in(request: HttpRequest, flow: dict[str, Any], claims: dict[str, Any]) -> Done:
    user = accounts.of(claims)
    methods = {name: claims[name] for name in ("amr", "acr") if name in claims}
    audit.record("sso.accepted", target=user, issuer=claims["iss"], subject=claims["sub"], **methods)
    if accounts.has_two_factors(claims):
        login(request, user)
        login_steps.mark_passed(request)
    elif second_factor.of(user) is not None:
        login_steps.ask_for_code(request, user, target=flow["target"])
        return Done(Purpose.LOGIN, flow["target"], needs_code=True)
    else:
        login(request, user)
    if not _is_new(flow, claims):
        reauthentication.forget(request)  # the provider may have known the browser, and asked for nothing
    return Done(Purpose.LOGIN, flow["target"])


def _confirm(request: HttpRequest, flow: dict[str, Any], claims: dict[str, Any]) -> Done:
    user = _still_there(request, flow, claims)
    if not accounts.is_of(claims, user):
        raise Refused("another_person", "You logged in as somebody else there. Log in as yourself to confirm.")
    reauthentication.remember(request)
    audit.record("user.confirmed", actor=user, target=user, by="provider")
    return Done(Purpose.CONFIRM, flow["target"])


def _link(request: HttpRequest, flow: dict[str, Any], claims: dict[str, Any]) -> Done:
    user = _still_there(request, flow, claims)
    accounts.add_link(user, claims, actor=user)
    return Done(Purpose.LINK, flow["target"])


def _still_there(request: HttpRequest, flow: dict[str, Any], claims: dict[str, Any]) -> User:
    """The user who left to confirm or to link, if it is still their session and they have just logged in there."""
    if not request.user.is_authenticated or request.user.pk != flow["user"]:
        raise Refused("session_over", "Your session here has ended meanwhile. Log in again.")
    if not _is_new(flow, claims):
        raise Refused(
            "login_too_old", "The provider does not confirm that you have just logged in there, so nothing was done."
        )
    return request.user


def _is_new(flow: dict[str, Any], claims: dict[str, Any]) -> bool:
    """Whether the provider says that they have logged in there since they went there."""
    at = claims.get("auth_time")
    return isinstance(at, int | float) and at >= flow["at"] - _SKEW


_DO = {Purpose.LOGIN: _log_in, Purpose.CONFIRM: _confirm, Purpose.LINK: _link}
