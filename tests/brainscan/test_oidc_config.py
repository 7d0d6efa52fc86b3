"""OIDC_… variables become settings, or an error that names the variable."""

from collections.abc import Callable

import pytest
from django.core.exceptions import ImproperlyConfigured

from brainscan import oidc_config
from brainscan.env import Environment
from diagnosis.access.oidc.rules import OidcSettings

Read = Callable[..., OidcSettings | None]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Read:
    def _read(**values: str) -> OidcSettings | None:
        given = {"ISSUER": "https://login.example/realms/x", "CLIENT_ID": "brainscan"} | values
        for name, value in given.items():
            monkeypatch.setenv(f"OIDC_{name}", value)
        return oidc_config.read(Environment())

    return _read


def test_without_an_issuer_single_sign_on_is_off(read: Read) -> None:
    assert read(ISSUER="") is None


def test_by_default_the_provider_decides_nothing_here(read: Read) -> None:
    found = read()
    assert found is not None
    assert (found.required, found.readers, found.admins) == (None, None, None)
    assert (found.create_accounts, found.link, found.link_admins) == (False, "never", False)
    assert (found.local_login, found.second_factor, found.acr) == ("all", "claims", frozenset())


def test_rules_are_read_as_claim_and_values(read: Read) -> None:
    found = read(READERS="realm_access.roles = reader | senior reader", ACR="2 gold", SCOPES="openid groups")
    assert found is not None and found.readers is not None
    assert (found.readers.claim, found.readers.values) == ("realm_access.roles", frozenset({"reader", "senior reader"}))
    assert (found.acr, found.scopes) == (frozenset({"2", "gold"}), ("openid", "groups"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ISSUER", "http://login.example"),
        ("ISSUER", "https://login.example/?tenant=1"),
        ("ISSUER", "login.example"),
        ("CLIENT_ID", ""),
        ("SCOPES", "profile"),
        ("READERS", "groups"),
        ("ADMINS", "groups="),
        ("REQUIRED", "=mri"),
        ("LINK", "name"),
        ("LOCAL_LOGIN", "none"),
        ("SECOND_FACTOR", "amr"),
        ("LINK_ADMINS", "never"),
    ],
)
def test_invalid_values(read: Read, name: str, value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"OIDC_{name}"):
        read(**{name: value})


def test_plain_http_on_this_machine(read: Read) -> None:
    assert read(ISSUER="http://127.0.0.1:8080/realms/x") is not None
