"""`create_token`: the token alone on standard output, each one recorded, none kept in plain text."""

from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from diagnosis.access import tokens
from diagnosis.models import ApiToken, AuditEvent

pytestmark = pytest.mark.django_db


def run(*args: str) -> str:
    out = StringIO()
    call_command("create_token", *args, stdout=out)
    return out.getvalue()


def recorded() -> list[str]:
    return list(AuditEvent.objects.order_by("id").values_list("action", flat=True))


def test_it_prints_the_token_and_nothing_else(user: User) -> None:
    token = tokens.find(run("ada").removesuffix("\n"))
    assert token is not None
    assert (token.user, token.expires, token.scopes) == (user, None, ["read", "upload", "review", "change"])
    assert recorded() == ["token.created"]


def test_each_call_makes_another_and_the_earlier_ones_stay_valid(user: User) -> None:
    keys = [run("ada").strip() for _ in range(3)]
    assert [getattr(tokens.find(key), "name", None) for key in keys] == [
        "command line", "command line 2", "command line 3",
    ]  # fmt: skip


def test_rotating_revokes_those_of_the_same_name(user: User) -> None:
    first, second, other = run("ada").strip(), run("ada").strip(), run("ada", "--name", "scanner").strip()
    new = run("ada", "--rotate").strip()
    assert [tokens.find(key) is not None for key in (first, second, other, new)] == [False, False, True, True]
    assert recorded() == ["token.created"] * 3 + ["token.revoked"] * 2 + ["token.created"]


def test_scopes_and_an_end_can_be_given(user: User) -> None:
    run("ada", "--scope", "upload", "--scope", "read", "--days", "30")
    token = ApiToken.objects.get()
    assert token.scopes == ["read", "upload"]
    assert token.expires is not None and (token.expires - token.created).days == 30
    with pytest.raises(CommandError, match="1 to 366 days"):
        run("ada", "--days", "0")


def test_neither_the_trail_nor_the_table_holds_the_token(user: User) -> None:
    key = run("ada").strip()
    assert key not in str(list(AuditEvent.objects.values())) + str(list(ApiToken.objects.values()))
    assert AuditEvent.objects.filter(target="ada", target_type="user").count() == 1


def test_unknown_and_deactivated_people_get_none(user: User) -> None:
    with pytest.raises(CommandError, match="no user 'nobody'"):
        run("nobody")
    User.objects.update(is_active=False)
    with pytest.raises(CommandError, match="deactivated"):
        run("ada")
    assert not ApiToken.objects.exists()
    assert recorded() == []
