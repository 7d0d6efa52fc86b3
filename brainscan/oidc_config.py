"""Single sign-on by OpenID Connect, from the environment. Without OIDC_ISSUER there is none."""

from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from diagnosis.access.oidc.rules import ClaimRule, OidcSettings

LINKS = ("never", "username", "email")
LOCAL_LOGINS = ("all", "superusers", "nobody")
SECOND_FACTORS = ("claims", "provider", "never")


def read(env: environ.Env) -> OidcSettings | None:
    """All OIDC_… variables; None where OIDC_ISSUER is not set. Raises ImproperlyConfigured."""
    issuer = env.str("OIDC_ISSUER", default="")
    if not issuer:
        return None
    if not _is_safe(issuer) or urlsplit(issuer).query or urlsplit(issuer).fragment:
        raise ImproperlyConfigured("OIDC_ISSUER must be the https address by which the provider calls itself.")
    client_id = env.str("OIDC_CLIENT_ID", default="")
    if not client_id:
        raise ImproperlyConfigured("OIDC_ISSUER is set, so OIDC_CLIENT_ID has to name this site at the provider.")
    scopes = tuple(env.str("OIDC_SCOPES", default="openid profile email").split())
    if "openid" not in scopes:
        raise ImproperlyConfigured("OIDC_SCOPES must contain openid.")
    return OidcSettings(
        issuer=issuer,
        client_id=client_id,
        client_secret=env.str("OIDC_CLIENT_SECRET", default=""),
        name=env.str("OIDC_NAME", default="single sign-on"),
        scopes=scopes,
        username_claim=env.str("OIDC_USERNAME_CLAIM", default="preferred_username"),
        required=_rule("OIDC_REQUIRED", env.str("OIDC_REQUIRED", default="")),
        readers=_rule("OIDC_READERS", env.str("OIDC_READERS", default="")),
        admins=_rule("OIDC_ADMINS", env.str("OIDC_ADMINS", default="")),
        create_accounts=env.bool("OIDC_CREATE_ACCOUNTS", default=False),
        link=_choice("OIDC_LINK", env.str("OIDC_LINK", default="never"), LINKS),
        link_admins=env.bool("OIDC_LINK_ADMINS", default=False),
        local_login=_choice("OIDC_LOCAL_LOGIN", env.str("OIDC_LOCAL_LOGIN", default="all"), LOCAL_LOGINS),
        second_factor=_choice("OIDC_SECOND_FACTOR", env.str("OIDC_SECOND_FACTOR", default="claims"), SECOND_FACTORS),
        acr=frozenset(env.str("OIDC_ACR", default="").split()),
    )


def _is_safe(address: str) -> bool:
    """Whether nobody on the way can pose as this address: https, or this machine."""
    parts = urlsplit(address)
    local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    return bool(parts.hostname) and (parts.scheme == "https" or local)


def _rule(name: str, text: str) -> ClaimRule | None:
    if not text:
        return None
    path, equals, values = text.partition("=")
    found = frozenset(value.strip() for value in values.split("|")) - {""}
    if not (path.strip() and equals and found):
        raise ImproperlyConfigured(f"{name} must name a claim and its values, such as groups=mri-readers|neurology.")
    return ClaimRule(path.strip(), found)


def _choice(name: str, value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise ImproperlyConfigured(f"{name} is {value!r}; it must be {', '.join(choices[:-1])} or {choices[-1]}.")
    return value
