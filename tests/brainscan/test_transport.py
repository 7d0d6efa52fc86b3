"""What HTTPS=1 makes of cookies and of requests over plain HTTP."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from brainscan import config
from diagnosis.models import AuditEvent
from tests.factories import token_key


@pytest.fixture
def tls(settings: Any) -> None:
    """A site behind a proxy that ends TLS and says so."""
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")


@pytest.mark.django_db
def test_with_tls_cookies_are_secure_and_of_this_host_alone(tls: None, user: User, settings: Any) -> None:
    for name, plain in (("SESSION", "sessionid"), ("CSRF", "csrftoken")):
        setattr(settings, f"{name}_COOKIE_SECURE", True)
        setattr(settings, f"{name}_COOKIE_NAME", config.cookie_name(plain, https=True))
    headers = {"X-Forwarded-Proto": "https", "Referer": "https://testserver/"}
    client = Client(enforce_csrf_checks=True, headers=headers)
    client.get("/login/", secure=True)
    sent = {"username": "ada", "password": "correct horse battery"}
    token = client.cookies["__Host-csrftoken"].value
    assert client.post("/login/", sent | {"csrfmiddlewaretoken": token}, secure=True).status_code == 302
    assert set(client.cookies) == {"__Host-sessionid", "__Host-csrftoken"}
    for cookie in client.cookies.values():
        assert cookie["secure"] and cookie["path"] == "/" and not cookie["domain"]  # or no browser takes them
    assert client.cookies["__Host-sessionid"]["httponly"]
    assert client.get("/history/", secure=True).status_code == 200


def test_without_tls_they_have_plain_names(settings: Any) -> None:
    assert (settings.HTTPS, settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME) == (
        False,
        "sessionid",
        "csrftoken",
    )


@pytest.mark.django_db
def test_messages_for_the_next_page_are_not_in_a_cookie(as_user: Client) -> None:
    as_user.post("/sessions/end/", {"session": "all"})
    assert set(as_user.cookies) == {"sessionid"}
    assert "This session has already ended" in as_user.get("/sessions/").content.decode()


@pytest.mark.django_db
def test_the_api_is_refused_and_pages_are_redirected(tls: None, user: User) -> None:
    client, token = Client(), {"Authorization": f"Token {token_key(user)}"}
    for path in ("/api/v1/scans/", "/dicomweb/studies", "/api/schema/", "/api/v1/nothing"):
        answer = client.get(path, headers=token)
        assert (answer.status_code, answer["Content-Type"]) == (403, "application/problem+json"), path
        assert answer.json()["code"] == "https_required" and "revoke" in answer.json()["detail"]
        assert "Location" not in answer
    assert AuditEvent.objects.filter(action="access.denied").exists()
    for path in ("/history/", "/api/docs/"):
        assert client.get(path)["Location"] == f"https://testserver{path}"
    assert client.get("/health/live").status_code == 200


@pytest.mark.django_db
def test_behind_a_proxy_that_ended_tls_it_answers(tls: None, user: User) -> None:
    headers = {"Authorization": f"Token {token_key(user)}", "X-Forwarded-Proto": "https"}
    assert Client().get("/api/v1/scans/", headers=headers).status_code == 200
