"""Login, logout, password change."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from diagnosis.models import AuditEvent
from tests.factories import token_key

PASSWORD = "correct horse battery"
NEW = "a longer pass phrase 77"


@pytest.mark.parametrize(
    "path",
    ["/", "/history/", "/upload/", "/cases/", "/cases/1/", "/predictions/1/", "/status/", "/queue/", "/password/"],
)
def test_every_page_asks_for_a_login(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 302
    assert response["Location"].startswith("/login/")


def test_login_leads_to_the_requested_page(client: Client, user: User) -> None:
    response = client.post("/login/?next=/cases/", {"username": "ada", "password": PASSWORD, "next": "/cases/"})
    assert response["Location"] == "/cases/"


@pytest.mark.attack("redirects")
def test_login_never_leads_to_another_site(client: Client, user: User) -> None:
    response = client.post("/login/", {"username": "ada", "password": PASSWORD, "next": "https://evil.example/"})
    assert response["Location"] == reverse("history")


def test_a_wrong_password_says_so_without_telling_which_part_was_wrong(client: Client, user: User) -> None:
    known = client.post("/login/", {"username": "ada", "password": "wrong"})
    unknown = client.post("/login/", {"username": "nobody", "password": "wrong"})
    sentence = "do not match an active account"
    assert sentence in known.content.decode() and sentence in unknown.content.decode()


def test_logout_is_a_post(as_user: Client) -> None:
    assert as_user.get("/logout/").status_code == 405
    assert "Clear-Site-Data" not in as_user.get("/history/")
    answer = as_user.post("/logout/")
    assert (answer.status_code, answer["Clear-Site-Data"]) == (302, '"cache"')
    assert as_user.get("/history/").status_code == 302


def test_password_change_keeps_this_session_ends_others_and_is_audited(as_user: Client, user: User) -> None:
    other = Client()
    other.force_login(user)
    fields = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    response = as_user.post("/password/", fields, follow=True)
    assert "Your password is changed" in response.content.decode()
    assert other.get("/history/").status_code == 302
    assert AuditEvent.objects.get(action="password.changed").actor == "ada"


def test_password_change_ends_the_api_token(as_user: Client, user: User) -> None:
    key = token_key(user)
    bearer: dict[str, Any] = {"headers": {"authorization": f"Token {key}"}}
    assert Client().get("/api/v1/cases/", **bearer).status_code == 200
    as_user.post("/password/", {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW})
    assert Client().get("/api/v1/cases/", **bearer).status_code == 401
    assert AuditEvent.objects.filter(action="token.revoked", target_id=str(user.pk)).count() == 1


def test_a_login_does_not_end_the_api_token(client: Client, user: User) -> None:
    token_key(user)
    client.post("/login/", {"username": "ada", "password": PASSWORD})
    assert user.api_tokens.exists()


def test_a_refused_password_is_not_audited(as_user: Client) -> None:
    response = as_user.post("/password/", {"old_password": "no", "new_password1": "x", "new_password2": "y"})
    assert response.status_code == 200
    assert not AuditEvent.objects.filter(action="password.changed").exists()


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"data": "{}", "content_type": "application/json"},
        {"data": {"username": "", "password": ""}},
        {"data": {"password": [PASSWORD, ""], "username": ["ada", ""]}},
        {"data": {"passkey": "", "username": "ada", "password": PASSWORD}},
        {"data": {"passkey": "null"}},
    ],
    ids=str,
)
def test_a_form_that_lacks_what_it_asks_for_passes_nobody(user: User, sent: dict[str, Any]) -> None:
    client = Client()
    client.post("/login/", **sent)
    assert client.get("/history/").status_code == 302
    client.force_login(user)
    session = client.session
    session["confirmed_at"] = 0
    session.save()
    assert client.post("/confirm/", **sent).status_code in (200, 400)
    assert client.session["confirmed_at"] == 0
