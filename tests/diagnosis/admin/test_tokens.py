"""Tokens in the admin: masked, revocable, never made there."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.authtoken.models import Token

from diagnosis.models import AuditEvent

pytestmark = pytest.mark.django_db

USERS = "/admin/auth/user/"
TOKENS = "/admin/authtoken/tokenproxy/"


def test_tokens_are_masked_everywhere(as_admin: Client, user: User) -> None:
    token = Token.objects.create(user=user)
    places = [TOKENS, f"{TOKENS}{user.pk}/change/", f"{TOKENS}{user.pk}/delete/", f"{USERS}{user.pk}/remove/"]
    for place in places:
        response = as_admin.get(place)
        assert response.status_code == 200, place
        assert token.key not in response.content.decode(), place
    assert token.key[:4] in as_admin.get(TOKENS).content.decode()


def test_revoking_a_token_is_recorded_without_it(as_admin: Client, user: User) -> None:
    token = Token.objects.create(user=user)
    assert as_admin.post(f"{TOKENS}{user.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Token.objects.exists()
    event = AuditEvent.objects.get(action="admin.deleted")
    assert (event.actor, event.details["object"]) == ("root", f"{token.key[:4]}…")
    assert token.key not in str(list(LogEntry.objects.values()))


def test_tokens_are_neither_made_nor_moved_here(as_admin: Client, user: User, other_user: User) -> None:
    Token.objects.create(user=user)
    assert as_admin.get(f"{TOKENS}add/").status_code == 403
    assert as_admin.post(f"{TOKENS}{user.pk}/change/", {"user": other_user.pk}).status_code == 403
