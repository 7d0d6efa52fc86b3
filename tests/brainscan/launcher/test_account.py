"""The first account, its one-time password, and ADMIN_PASSWORD."""

import pytest
from django.contrib.auth.models import User

from brainscan.launcher import account
from brainscan.launcher.errors import LaunchError
from diagnosis.models import AuditEvent

pytestmark = pytest.mark.django_db


def test_fresh_site_gets_an_account_and_a_password_once() -> None:
    account.prepare(password="")
    admin = User.objects.get()
    assert admin.is_superuser
    assert not admin.has_usable_password()
    password = account.one_time_password()
    assert password is not None
    assert len(password) >= 16
    admin.refresh_from_db()
    assert admin.check_password(password)
    assert account.one_time_password() is None
    event = AuditEvent.objects.get(action="password.changed")
    assert (event.actor, event.target, event.details) == ("system", "admin", {"by": "one-time password"})


def test_start_cut_short_before_the_password_was_shown_locks_nobody_out() -> None:
    account.prepare(password="")
    account.prepare(password="")
    assert account.one_time_password() is not None


def test_admin_password_is_set_now_and_at_every_start() -> None:
    account.prepare(password="the first one")
    account.prepare(password="the second one")
    assert User.objects.get().check_password("the second one")
    assert account.one_time_password() is None
    account.prepare(password="the second one")
    rows = AuditEvent.objects.order_by("id").values_list("actor", "action", "target")
    assert list(rows) == [("system", "user.created", "admin"), ("system", "password.changed", "admin")]


def test_password_that_stays_ends_no_session() -> None:
    account.prepare(password="stays the same")
    before = User.objects.get().password
    account.prepare(password="stays the same")
    assert User.objects.get().password == before


def test_site_with_a_superuser_gets_no_other() -> None:
    User.objects.create_superuser("grace", password="x")
    account.prepare(password="")
    assert User.objects.get().username == "grace"
    assert account.one_time_password() is None


@pytest.mark.parametrize("password", ["", "given"])
def test_ordinary_account_called_admin_is_not_promoted(password: str) -> None:
    User.objects.create_user("admin", password="x")
    with pytest.raises(LaunchError, match="createsuperuser"):
        account.prepare(password=password)
    assert not User.objects.get().is_superuser
