"""tokens/ and tokens/{id}/, and what a token allows."""

import re
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.test import APIClient

from diagnosis.models import ApiToken, AuditEvent
from diagnosis.models.api_token import Scope
from tests.diagnosis.api.addresses import addresses
from tests.factories import token_key

URL = "/api/v1/tokens/"
UPLOADS = ("/api/v1/scans/", "/api/v1/pull/", "/dicomweb/studies")


def client_of(person: User, *scopes: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {token_key(person, scopes=scopes)}")
    return client


def needed(method: str, address: str) -> str:
    """The scope that the docs name for a request."""
    if method == "get":
        return "read"
    if "/reviews/" in address:
        return "review"
    return "upload" if address in UPLOADS else "change"


@pytest.mark.slow
def test_a_token_does_nothing_beyond_its_scope(user: User, api: APIClient) -> None:
    clients = {scope: client_of(user, scope) for scope in Scope.values}
    for address in [*addresses(), "/dicomweb/studies", "/api/schema/"]:
        path = re.sub(r"{\w+}", "999", address)
        methods = {"get", "post", "patch", "delete"} & set(api.options(path)["Allow"].lower().split(", "))
        assert methods, path
        for (scope, client), method in product(clients.items(), methods):
            response = getattr(client, method)(path)
            refused = response.status_code == 403 and response.json()["code"] == "scope_missing"
            assert refused == (needed(method, address) != scope), (scope, method, path, response.status_code)


def test_the_list_and_one_token_never_show_a_key(api: APIClient, user: User, other_user: User) -> None:
    other = token_key(other_user)
    body = api.get(URL).json()["results"]
    assert [sorted(row) for row in body] == [
        ["created", "expires", "hint", "id", "last_used", "name", "scopes"],
    ]  # fmt: skip
    assert api.get(f"{URL}{body[0]['id']}/").json() == body[0]
    assert other not in str(body)


def test_revoking(api: APIClient, user: User, other_user: User, problem: Any) -> None:
    token_key(other_user)
    mine, other = ApiToken.objects.get(user=user), ApiToken.objects.get(user=other_user)
    problem(api.delete(f"{URL}{other.pk}/"), 404, "not_found")
    assert api.delete(f"{URL}{mine.pk}/").status_code == 204
    assert AuditEvent.objects.get(action="token.revoked").details["name"] == mine.name
    problem(api.get(URL), 401, "authentication_failed")


def test_a_token_makes_no_token(api: APIClient, problem: Any) -> None:
    problem(api.post(URL, {"name": "more", "scopes": ["change"]}), 405, "method_not_allowed")


def test_an_expired_token_is_unknown(user: User, problem: Any) -> None:
    now = timezone.now()
    key = token_key(user, created=now - timedelta(days=2), expires=now - timedelta(seconds=1))
    problem(APIClient().get(URL, HTTP_AUTHORIZATION=f"Token {key}"), 401, "authentication_failed")


def test_use_is_noted_once_in_five_minutes(user: User, django_assert_num_queries: Any) -> None:
    key = token_key(user, last_used=None)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {key}")
    client.get(URL)
    first = ApiToken.objects.get().last_used
    assert first is not None
    with django_assert_num_queries(3):  # the token with its user, count, rows
        client.get(URL)
    assert ApiToken.objects.get().last_used == first
