"""Which identity provider the site trusts, and for what: the settings that `brainscan.oidc_config` reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings


@dataclass(frozen=True, slots=True)
class ClaimRule:
    """A claim and the values of which it needs one. A claim may be a list, and lie within another: `a.b`."""

    claim: str
    values: frozenset[str]

    def holds(self, claims: Mapping[str, Any]) -> bool:
        return not self.values.isdisjoint(texts(claim(claims, self.claim)))


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """The provider, and what its word counts for here. docs/configuration.md describes each."""

    issuer: str
    client_id: str
    client_secret: str
    name: str
    scopes: tuple[str, ...]
    username_claim: str
    required: ClaimRule | None
    readers: ClaimRule | None
    admins: ClaimRule | None
    create_accounts: bool
    link: str
    link_admins: bool
    local_login: str
    second_factor: str
    acr: frozenset[str]


def configured() -> OidcSettings:
    """The provider of this site, for code that only a site with one runs."""
    assert settings.OIDC is not None
    return settings.OIDC


def claim(claims: Mapping[str, Any], path: str) -> Any:
    """The value of a claim by its name, or by a path with dots through nested claims; None if it is not there."""
    if path in claims:
        return claims[path]
    value: Any = claims
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def texts(value: Any) -> list[str]:
    """A claim's value, or each of its values, as text; true and false as JSON writes them."""
    values = value if isinstance(value, list) else [value]
    return [str(one).lower() if isinstance(one, bool) else str(one) for one in values if one is not None]
