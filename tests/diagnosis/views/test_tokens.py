"""The page of one's API tokens."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from diagnosis.access import tokens
from diagnosis.models import ApiToken, AuditEvent
from tests.factories import token_key

FORM: dict[str, Any] = {"name": "night script", "scope": ["read", "upload"], "days": "30"}


def test_a_token_is_made_shown_once_and_works(as_user: Client, user: User) -> None:
    page = as_user.post("/tokens/", FORM).content.decode()
    found = re.search(r'id="key"[^>]* value="(\w{64})"', page)
    assert found is not None
    key = found[1]
    token = ApiToken.objects.get()
    assert (token.user, token.scopes, (token.expires or token.created) - token.created) == (
        user, ["read", "upload"], timedelta(days=30),
    )  # fmt: skip
    assert key not in as_user.get("/tokens/").content.decode()
    assert Client().get("/api/v1/cases/", headers={"authorization": f"Token {key}"}).status_code == 200
    event = AuditEvent.objects.get(action="token.created")
    assert (event.actor, event.details["name"]) == ("ada", "night script")
    assert key not in str(list(AuditEvent.objects.values()) + list(ApiToken.objects.values()))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": " \u200b "}, "1 to 60 characters"),
        ({"name": "x" * 61}, "1 to 60 characters"),
        ({"scope": []}, "Choose what the token allows"),
        ({"scope": ["read", "root"]}, "Choose what the token allows"),
        ({"days": "0"}, "1 to 366 days"),
        ({"days": "9999"}, "1 to 366 days"),
        ({"days": ""}, "1 to 366 days"),
        ({"days": "\u0663"}, "1 to 366 days"),
    ],
)
def test_a_bad_form_comes_back_with_the_rule(as_user: Client, change: dict[str, object], sentence: str) -> None:
    response = as_user.post("/tokens/", FORM | change)
    assert (response.status_code, ApiToken.objects.count()) == (400, 0)
    assert sentence in response.content.decode()


def test_a_name_is_taken_once(as_user: Client, other_user: User) -> None:
    tokens.create(other_user, name=FORM["name"], scopes=["read"], days=1)
    assert as_user.post("/tokens/", FORM).status_code == 200
    again = as_user.post("/tokens/", FORM)
    assert (again.status_code, ApiToken.objects.count()) == (400, 2)
    assert "a token named night script already" in again.content.decode()


def test_there_is_room_for_twenty(as_user: Client, user: User) -> None:
    for _ in range(tokens.MAX_TOKENS):
        token_key(user)
    assert "Revoke one" in as_user.post("/tokens/", FORM).content.decode()


def test_an_old_login_is_asked_to_confirm(as_user: Client) -> None:
    session = as_user.session
    session["confirmed_at"] -= 16 * 60
    session.save()
    assert as_user.get("/tokens/").status_code == 200
    assert as_user.post("/tokens/", FORM)["Location"] == "/confirm/?next=/tokens/"
    assert not ApiToken.objects.exists()


def test_one_revokes_ones_own_and_nobody_elses(as_user: Client, user: User, other_user: User) -> None:
    mine, other = token_key(user), token_key(other_user)
    ids = {token.user.username: token.pk for token in ApiToken.objects.all()}
    assert as_user.post(f"/tokens/{ids['grace']}/revoke/").status_code == 404
    assert as_user.get(f"/tokens/{ids['ada']}/revoke/").status_code == 405
    assert "is revoked" in as_user.post(f"/tokens/{ids['ada']}/revoke/", follow=True).content.decode()
    assert (tokens.find(mine), tokens.find(other) is not None) == (None, True)
    assert AuditEvent.objects.get(action="token.revoked").actor == "ada"


def test_the_list_is_ones_own_and_says_what_has_expired(as_user: Client, user: User, other_user: User) -> None:
    token_key(other_user)
    now = timezone.now()
    token_key(user, created=now - timedelta(days=9), expires=now - timedelta(days=1))
    page = as_user.get("/tokens/").content.decode()
    assert "no longer works" in page
    assert page.count("/revoke/") == 1
