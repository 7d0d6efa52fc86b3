"""A provider, and a site that is set to use it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User

from brainscan import oidc_config
from diagnosis.access.oidc import provider as protocol
from diagnosis.models import ProviderLink
from tests.diagnosis.access.oidc import urls  # now, not while OIDC is set: it imports the site's own, which then stay
from tests.oidc_provider import CLIENT_ID, SECRET, Provider, serving


class _Env:
    """Nothing but what it is given."""

    def __init__(self, **values: str) -> None:
        self._values = values

    def bool(self, name: str, default: bool) -> bool:
        return default

    def str(self, name: str, default: str) -> str:
        return self._values.get(name, default)


@pytest.fixture
def provider(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    monkeypatch.setattr(protocol, "_known", protocol._Known())  # of an earlier one, at the same port
    with serving() as made:
        values = {"OIDC_ISSUER": made.issuer, "OIDC_CLIENT_ID": CLIENT_ID, "OIDC_CLIENT_SECRET": SECRET}
        settings.OIDC = oidc_config.read(_Env(**values, OIDC_NAME="Hospital"))
        settings.ROOT_URLCONF = urls.__name__
        yield made


@pytest.fixture
def configure(settings: Any) -> Callable[..., None]:
    """Change fields of the settings."""

    def change(**fields: Any) -> None:
        settings.OIDC = replace(settings.OIDC, **fields)

    return change


@pytest.fixture
def linked(provider: Provider, user: User) -> User:
    """ada, whose account belongs to `subject-1` there."""
    ProviderLink.objects.create(user=user, issuer=provider.issuer, subject="subject-1", called="ada")
    return user
