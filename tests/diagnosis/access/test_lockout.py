"""Lockout: by name and by address, with pauses that grow, on every road where a password or a token is asked for."""

from datetime import timedelta
from typing import Any

import pytest
import structlog
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from diagnosis.access import lockout
from diagnosis.models import AuditEvent, LoginFailures
from diagnosis.models.login_failures import FailureKind
from tests.factories import token_key
from tests.verification.security import tried

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
WAIT = "Too many failed attempts. Try again in 1 minute, or ask"


def log_in(name: str, password: str, *, address: str = "198.51.100.7") -> Any:
    tried(password == "guess")
    return Client().post("/login/", {"username": name, "password": password}, REMOTE_ADDR=address)


def pass_time(**time: float) -> None:
    for row in LoginFailures.objects.all():
        row.last -= timedelta(**time)
        row.locked_until = row.locked_until and row.locked_until - timedelta(**time)
        row.save()


@pytest.mark.attack("guessing")
@pytest.mark.parametrize("name", ["ada", "nobody"])
def test_five_failures_lock_a_name_whether_or_not_it_exists(user: User, name: str) -> None:
    for _ in range(5):
        assert "do not match" in log_in(name, "guess").content.decode()
    for password in ("guess", PASSWORD):
        response = log_in(name, password, address="203.0.113.9")
        assert (response.status_code, 0 < int(response["Retry-After"]) <= 60) == (429, True)
        assert WAIT in response.content.decode()
    event = AuditEvent.objects.get(action="login.locked")
    assert (event.details["kind"], event.details["key"], event.details["failures"]) == ("account", name, 5)


@pytest.mark.attack("guessing")
def test_names_that_differ_in_case_share_their_failures(user: User) -> None:
    for name in ("ada", "Ada", "ADA", "aDa", "AdA"):
        log_in(name, "guess")
    assert log_in("ada", PASSWORD).status_code == 429


def test_pauses_grow_up_to_an_hour() -> None:
    rule = lockout.RULES[FailureKind.ACCOUNT]
    minutes = [pause and pause.total_seconds() / 60 for pause in map(rule.pause, [4, 5, 6, 7, 11, 500])]
    assert minutes == [None, 1, 2, 4, 60, 60]


def test_after_the_pause_one_attempt_is_free_and_a_success_starts_anew(user: User) -> None:
    for _ in range(5):
        log_in("ada", "guess")
    pass_time(minutes=1.1)
    assert log_in("ada", "guess").status_code == 200
    assert "2 minutes" in log_in("ada", "guess").content.decode()
    pass_time(minutes=2.1)
    assert log_in("ada", PASSWORD).status_code == 302
    assert not LoginFailures.objects.filter(failure_kind=FailureKind.ACCOUNT).exists()


def test_failures_of_yesterday_count_no_more(user: User) -> None:
    for _ in range(4):
        log_in("ada", "guess")
    pass_time(hours=25)
    log_in("ada", "guess")
    assert LoginFailures.objects.get(failure_kind=FailureKind.ACCOUNT).failures == 1


@pytest.mark.attack("guessing")
def test_an_address_that_tries_many_names_is_locked_and_a_success_does_not_reset_it(user: User) -> None:
    for number in range(29):
        log_in(f"name{number}", "guess")
        if number % 10 == 0:
            assert log_in("ada", PASSWORD).status_code == 302
    log_in("one more", "guess")
    assert log_in("ada", PASSWORD).status_code == 429
    assert log_in("ada", PASSWORD, address="203.0.113.9").status_code == 302


def test_logins_that_succeed_lock_no_address_however_many_failures_it_has(user: User) -> None:
    for number in range(30):
        log_in(f"name{number}", "guess")
    pass_time(minutes=1.1)
    for _ in range(3):
        assert log_in("ada", PASSWORD).status_code == 302
    assert log_in("one more", "guess").status_code == 200
    assert "2 minutes" in log_in("ada", PASSWORD).content.decode()


@pytest.mark.slow
def test_people_behind_one_address_who_mistype_now_and_then_are_never_locked(user: User) -> None:
    """Once in two hours, and somebody logs in each hour."""
    for number in range(40):
        assert log_in(f"name{number}", "guess").status_code == 200
        for _ in range(2):
            pass_time(hours=1)
            assert log_in("ada", PASSWORD).status_code == 302
    assert LoginFailures.objects.get(failure_kind=FailureKind.ADDRESS).failures <= 3


def test_failures_behind_one_address_fade_though_they_come_faster_than_that() -> None:
    """Twenty-five in eight hours of each day: fewer than are forgotten in a day."""
    with structlog.contextvars.bound_contextvars(ip="198.51.100.7"):
        for number in range(4 * 25):
            pass_time(minutes=20 if number % 25 else 24 * 60 - 24 * 20)
            with lockout.attempt(username=None):
                pass
    assert LoginFailures.objects.get().failures < 25


def test_logins_that_succeed_do_not_keep_an_addresss_failures_from_being_forgotten(user: User) -> None:
    for number in range(29):
        log_in(f"name{number}", "guess")
    for _ in range(5):
        pass_time(hours=5)
        assert log_in("ada", PASSWORD).status_code == 302
    log_in("one more", "guess")
    assert LoginFailures.objects.get(failure_kind=FailureKind.ADDRESS).failures == 1


def test_successes_at_the_same_time_each_take_back_their_own(user: User) -> None:
    log_in("nobody", "guess")
    both = [lockout.attempt(username=name) for name in ("ada", "bob")]
    with structlog.contextvars.bound_contextvars(ip="198.51.100.7"):
        for one in both:
            one.__enter__().succeeded = True
        for one in both:
            one.__exit__(None, None, None)
    assert LoginFailures.objects.get(failure_kind=FailureKind.ADDRESS).failures == 1


@pytest.mark.attack("guessing")
def test_all_addresses_of_a_network_of_ipv6_are_one(user: User) -> None:
    for number in range(30):
        log_in(f"name{number}", "guess", address=f"2001:db8::{number:x}")
    assert log_in("ada", PASSWORD, address="2001:db8::ffff").status_code == 429
    assert log_in("ada", PASSWORD, address="2001:db8:0:1::1").status_code == 302


@pytest.mark.attack("guessing")
@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/confirm/", {"password": "guess"}),
        ("/password/", {"old_password": "guess", "new_password1": "a new one 77", "new_password2": "a new one 77"}),
    ],
)
def test_other_pages_that_ask_for_the_password_count_too(as_user: Client, path: str, fields: dict[str, str]) -> None:
    for _ in range(5):
        tried(as_user.post(path, fields).status_code == 200)
    right = {name: PASSWORD if value == "guess" else value for name, value in fields.items()}
    assert WAIT in as_user.post(path, right).content.decode()
    assert log_in("ada", PASSWORD).status_code == 429


@pytest.mark.slow
@pytest.mark.attack("guessing")
def test_wrong_tokens_make_their_address_wait_and_nothing_else(user: User) -> None:
    key = token_key(user)

    def ask(token: str, address: str = "198.51.100.7") -> Any:
        tried(token == "guess")
        headers = {"authorization": f"Token {token}"}
        return Client().get("/api/v1/cases/", headers=headers, REMOTE_ADDR=address)

    for _ in range(100):
        assert ask("guess").status_code == 401
    response = ask("guess")
    assert (response.status_code, response.json()["code"]) == (429, "throttled")
    assert 0 < int(response["Retry-After"]) <= 60
    assert (ask("guess", "203.0.113.9").status_code, ask(key).status_code) == (401, 200)
    assert log_in("ada", PASSWORD).status_code == 302


@pytest.mark.attack("guessing")
def test_an_attempt_counts_before_it_is_judged(user: User) -> None:
    """So that many at once are no more than the limit."""
    started = [lockout.attempt(username="ada") for _ in range(6)]
    for one in started[:5]:
        one.__enter__()
    with pytest.raises(lockout.Locked):
        started[5].__enter__()


def test_an_administrator_unlocks(client: Client, admin: User, user: User) -> None:
    for _ in range(5):
        log_in("ada", "guess")
    client.force_login(admin)
    row = LoginFailures.objects.get(failure_kind=FailureKind.ACCOUNT)
    page = f"/admin/diagnosis/loginfailures/{row.pk}"
    assert client.post("/admin/diagnosis/loginfailures/add/", {"key": "x"}).status_code == 403
    assert client.post(f"{page}/change/", {"failures": 0}).status_code == 403
    assert client.post(f"{page}/delete/", {"post": "yes"}).status_code == 302
    event = AuditEvent.objects.get(action="login.unlocked")
    assert (event.actor, event.details["key"]) == ("root", "ada")
    assert log_in("ada", PASSWORD).status_code == 302


def test_the_command_unlocks_names_and_addresses(user: User, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(5):
        log_in("ada", "guess")
    call_command("unlock_login", "Ada")
    call_command("unlock_login", "198.51.100.7")
    assert not LoginFailures.objects.exists()
    with pytest.raises(CommandError, match="No failed logins"):
        call_command("unlock_login", "ada")


def test_the_command_unlocks_the_network_of_an_address_of_ipv6(user: User) -> None:
    log_in("nobody", "guess", address="2001:db8::7")
    call_command("unlock_login", "2001:db8::7")
    assert not LoginFailures.objects.filter(failure_kind=FailureKind.ADDRESS).exists()


def test_rows_that_count_no_more_go(user: User) -> None:
    LoginFailures.objects.create(failure_kind=FailureKind.ACCOUNT, key="old", last=timezone.now() - timedelta(days=2))
    for _ in range(5):
        log_in("ada", "guess")
    assert not LoginFailures.objects.filter(key="old").exists()
