"""What a page of another site, or somebody who writes requests by hand, puts into headers and forms."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.middleware.csrf import _get_new_csrf_string
from django.test import Client
from django.urls import get_resolver

from diagnosis.models import Case
from tests.diagnosis.access.test_blinding_routes import routes
from tests.factories import CaseFactory
from tests.verification.security import tried

pytestmark = pytest.mark.django_db

HOSTS = (
    "evil.example",
    "evil.example:80",
    "localhost.evil.example",
    "localhost@evil.example",
    "localhost evil.example",
    "evil.example#localhost",
    "",
    ".",
    "[::2]",
    "127.0.0.1.evil.example",
    "localhost\\evil.example",
    "loc\x00alhost",
)
ORIGINS = (
    "https://evil.example",
    "null",
    "http://localhost.evil.example",
    "https://testserver",
    "http://testserver:81",
    "file://",
    "http://testserver@evil.example",
    "",
)
TARGETS = (
    "https://evil.example/", "http://evil.example", "//evil.example/", "///evil.example", "////evil.example",
    "/\\evil.example", "\\\\evil.example", "http:///evil.example", "http:evil.example", "https:/evil.example",
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "ftp://evil.example", "\t//evil.example",
    " https://evil.example", "http://testserver@evil.example/", "http://testserver.evil.example/", "\x00//evil.example",
    "http://evil.example\\@testserver/", "//evil.example\r\nLocation: https://evil.example",
)  # fmt: skip
ROADS = {"login": "/login/", "confirm": "/confirm/"}


@pytest.mark.attack("forged")
@pytest.mark.parametrize("host", HOSTS)
def test_another_host_is_answered_with_nothing_of_the_site(host: str) -> None:
    """Else a link in a mail, or a cache in front, could be given an address of somebody else's."""
    response = Client().get("/login/", headers={"host": host, "x-forwarded-host": host})
    assert response.status_code == 400
    assert "evil" not in response.content.decode()


def posts() -> Iterator[str]:
    """Every address of the pages, with numbers that may be there."""
    for name, route in routes(get_resolver().url_patterns):
        path = re.sub(r"<(?:\w+:)?\w+>", "1", route)
        if not any(sign in path for sign in "^(\\") and not path.startswith("api/") and name not in BY_TOKEN_ONLY:
            yield f"/{path}"


BY_TOKEN_ONLY = {"metrics", "health-live", "health-ready"}
"""They read no session."""


@pytest.mark.attack("forged")
@pytest.mark.parametrize("fields", [{}, {"csrfmiddlewaretoken": _get_new_csrf_string()}], ids=["none", "another"])
@pytest.mark.slow
def test_no_address_takes_a_form_without_its_token(admin: User, fields: dict[str, str]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin)
    client.get("/login/")
    answers = {path: client.post(path, fields).status_code for path in posts()}
    tried(len(answers))
    assert {path: status for path, status in answers.items() if status != 403} == {}
    assert len(answers) > 100


@pytest.mark.attack("forged")
@pytest.mark.parametrize("origin", ORIGINS)
def test_a_form_of_another_site_is_refused_even_with_the_token(user: User, origin: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    case = CaseFactory(owner=user)
    token = client.get(f"/cases/{case.pk}/edit/").context["csrf_token"]
    fields = {"csrfmiddlewaretoken": str(token), "reference": "FORGED"}
    assert client.post(f"/cases/{case.pk}/edit/", fields, headers={"origin": origin}).status_code == 403
    assert not Case.objects.filter(reference="FORGED").exists()
    assert client.post(f"/cases/{case.pk}/edit/", fields).status_code == 302


@pytest.mark.attack("redirects")
@pytest.mark.parametrize("road", ROADS)
def test_next_never_redirects_to_another_site(client: Client, user: User, road: str) -> None:
    fields: dict[str, Any] = {"username": "ada", "password": "correct horse battery"}
    for target in TARGETS:
        if road != "login":
            client.force_login(user)
        tried(2)
        there = client.post(ROADS[road], fields | {"next": target})
        assert there["Location"] == "/history/", target
        seen = client.get(ROADS[road], {"next": target})
        assert "evil" not in seen.headers.get("Location", "")
        assert not re.search(r"(href|action)=\"[^\"/?#]*:?//evil", seen.content.decode())
        client.logout()
