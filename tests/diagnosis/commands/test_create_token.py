"""`create_token`: the token alone on standard output, and every showing recorded."""

from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from rest_framework.authtoken.models import Token

from diagnosis.models import AuditEvent

pytestmark = pytest.mark.django_db


def run(*args: str) -> str:
    out = StringIO()
    call_command("create_token", *args, stdout=out)
    return out.getvalue()


def recorded() -> list[str]:
    return list(AuditEvent.objects.order_by("id").values_list("action", flat=True))


def test_it_prints_the_token_and_nothing_else(user: User) -> None:
    assert run("ada") == f"{Token.objects.get(user=user).key}\n"
    assert recorded() == ["token.created"]


def test_it_reuses_the_token(user: User) -> None:
    assert run("ada") == run("ada")
    assert recorded() == ["token.created", "token.shown"]


def test_rotating_replaces_it(user: User) -> None:
    first = run("ada")
    assert run("ada", "--rotate") != first
    assert Token.objects.filter(user=user).count() == 1
    assert recorded() == ["token.created", "token.rotated"]


def test_the_trail_never_holds_the_token(user: User) -> None:
    key = run("ada").strip()
    run("ada", "--rotate")
    assert key not in str(list(AuditEvent.objects.values()))
    assert AuditEvent.objects.filter(target="ada", target_type="user").count() == 2


def test_unknown_and_deactivated_people_get_none(user: User) -> None:
    with pytest.raises(CommandError, match="no user 'nobody'"):
        run("nobody")
    User.objects.update(is_active=False)
    with pytest.raises(CommandError, match="deactivated"):
        run("ada")
    assert not Token.objects.exists()
    assert recorded() == []
