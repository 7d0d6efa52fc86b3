"""Tokens in the admin: without their keys, revocable, never made there."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client

from diagnosis.models import ApiToken, AuditEvent
from tests.factories import token_key

pytestmark = pytest.mark.django_db

TOKENS = "/admin/diagnosis/apitoken/"


def test_no_key_and_no_hash_is_shown(as_admin: Client, user: User) -> None:
    key = token_key(user)
    token = ApiToken.objects.get()
    for place in (TOKENS, f"{TOKENS}{token.pk}/change/", f"{TOKENS}{token.pk}/delete/"):
        response = as_admin.get(place)
        assert response.status_code == 200, place
        assert key not in response.content.decode() and token.digest not in response.content.decode(), place
    assert token.name in as_admin.get(TOKENS).content.decode()


@pytest.mark.parametrize("bulk", [False, True])
def test_revoking_a_token_is_recorded_with_whose_it_was(as_admin: Client, user: User, bulk: bool) -> None:
    key = token_key(user)
    token = ApiToken.objects.get()
    chosen = {"action": "delete_selected", "_selected_action": [token.pk], "post": "yes"}
    where = TOKENS if bulk else f"{TOKENS}{token.pk}/delete/"
    assert as_admin.post(where, chosen if bulk else {"post": "yes"}).status_code == 302
    assert not ApiToken.objects.exists()
    event = AuditEvent.objects.get(action="token.revoked")
    assert (event.actor, event.target, event.details["name"]) == ("root", "ada", token.name)
    assert key not in str(list(LogEntry.objects.values())) + str(list(AuditEvent.objects.values()))


def test_tokens_are_neither_made_nor_moved_here(as_admin: Client, user: User, other_user: User) -> None:
    token_key(user)
    token = ApiToken.objects.get()
    assert as_admin.get(f"{TOKENS}add/").status_code == 403
    assert as_admin.post(f"{TOKENS}{token.pk}/change/", {"user": other_user.pk}).status_code == 403
