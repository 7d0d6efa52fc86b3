"""Clients of the API: scripts with a token, one for each kind of person."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from rest_framework.test import APIClient

from tests.factories import token_key

Login = Callable[[User], APIClient]


@pytest.fixture(autouse=True)
def _fresh_cache() -> None:
    """The memory cache outlives a test, and with it what the throttle has counted."""
    cache.clear()


@pytest.fixture
def login(db: None) -> Login:
    """A client with the token of the given person."""

    def client_of(person: User) -> APIClient:
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Token {token_key(person)}")
        return client

    return client_of


@pytest.fixture
def api(login: Login, user: User) -> APIClient:
    """The client of `user`."""
    return login(user)


@pytest.fixture
def anonymous(db: None) -> APIClient:
    """A client without a token."""
    return APIClient()


@pytest.fixture
def problem() -> Callable[..., dict[str, Any]]:
    """Checks that a response is a problem of the given status and code, and returns it."""

    def check(response: Any, status: int, code: str) -> dict[str, Any]:
        assert response.status_code == status, response.content
        assert response["Content-Type"] == "application/problem+json"
        body: dict[str, Any] = response.json()
        assert (body["status"], body["code"]) == (status, code)
        assert body["type"] == "about:blank"
        assert body["title"] and body["detail"] and body["instance"].startswith("/api/")
        return body

    return check
