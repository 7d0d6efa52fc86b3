"""Codes of the app and recovery codes: what is taken, once, and what the database knows of them."""

import time
from contextlib import nullcontext
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client

from diagnosis.access import app_secret, lockout, second_factor
from diagnosis.access.refusals import Refused
from diagnosis.models import AuditEvent, LoginFailures, RecoveryCode, SecondFactor
from diagnosis.models.login_failures import FailureKind
from tests.overlapping import Meanwhile, overlapping
from tests.verification.security import tried

pytestmark = pytest.mark.django_db
SEED = "5eed" * 16


def code(*, seed: str = SEED, steps: int = 0) -> str:
    return pyotp.TOTP(app_secret.secret(seed)).generate_otp(int(time.time()) // 30 + steps)


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock is in the middle of a time step."""
    now = time.time() // 30 * 30 + 15
    monkeypatch.setattr(time, "time", lambda: now)


@pytest.fixture
def codes(user: User, still: None) -> list[str]:
    """The recovery codes of ada, whose app gave its code of the time step before."""
    return second_factor.add(user, seed=SEED, code=code(steps=-1))


def test_an_app_is_added_by_its_first_code_which_is_not_taken_again(user: User, still: None) -> None:
    codes = second_factor.add(user, seed=SEED, code=code())
    assert len(set(codes)) == 8
    assert not second_factor.check(user, code())
    assert second_factor.check(user, code(steps=1))
    assert AuditEvent.objects.get(action="second_factor.added").actor == "ada"


def test_a_session_outlives_a_change_of_the_secret_key(client: Client, user: User, settings: Any) -> None:
    client.force_login(user)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a new key" * 6, [settings.SECRET_KEY]
    assert client.get("/history/").status_code == 200
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the next key" * 6, []
    assert client.get("/history/").status_code == 302


@pytest.mark.attack("guessing")
def test_a_wrong_first_code_adds_nothing(user: User, still: None) -> None:
    for wrong in (code(seed="0" * 64), code(steps=2), code(steps=-2), "", "12345", "x" * 500):
        tried()
        with pytest.raises(Refused, match="not the code"):
            second_factor.add(user, seed=SEED, code=wrong)
    assert not SecondFactor.objects.exists()


def test_nobody_adds_a_second_app_over_the_first(user: User, codes: list[str]) -> None:
    with pytest.raises(Refused, match="already"):
        second_factor.add(user, seed="1" * 64, code=code(seed="1" * 64))
    assert SecondFactor.objects.get().seed == SEED


@pytest.mark.parametrize(("steps", "right"), [(-2, False), (-1, False), (0, True), (1, True), (2, False)])
def test_a_clock_may_be_half_a_minute_off_and_used_steps_are_gone(
    user: User, codes: list[str], steps: int, right: bool
) -> None:
    assert second_factor.check(user, code(steps=steps)) is right
    assert second_factor.check(user, code(steps=steps)) is False


def test_a_code_is_taken_with_the_space_that_apps_show(user: User, codes: list[str]) -> None:
    assert second_factor.check(user, f" {code()[:3]} {code()[3:]} ")


def test_a_recovery_code_works_once_however_it_is_typed(user: User, codes: list[str]) -> None:
    assert second_factor.check(user, codes[0].replace("-", " ").upper())
    assert not second_factor.check(user, codes[0])
    assert second_factor.check(user, codes[1])
    left = [event.details["left"] for event in AuditEvent.objects.filter(action="second_factor.recovery_code_used")]
    assert sorted(left) == [6, 7]


def test_new_recovery_codes_replace_the_old_ones(user: User, codes: list[str]) -> None:
    new = second_factor.renew_codes(user.second_factor)
    assert not second_factor.check(user, codes[0])
    assert second_factor.check(user, new[0])
    assert AuditEvent.objects.filter(action="second_factor.codes_renewed").count() == 1


@pytest.mark.attack("guessing")
def test_another_persons_codes_are_of_no_use(user: User, other_user: User, codes: list[str]) -> None:
    others = second_factor.add(other_user, seed="1" * 64, code=code(seed="1" * 64))
    assert not second_factor.check(user, others[0])
    assert not second_factor.check(user, code(seed="1" * 64, steps=1))


def test_the_database_holds_neither_secret_nor_code(user: User, codes: list[str], settings: Any) -> None:
    """With a copy of the database and another SECRET_KEY nobody computes a code."""
    row = SecondFactor.objects.get()
    secret = app_secret.secret(row.seed)
    assert secret not in str(vars(row))
    digests = set(RecoveryCode.objects.values_list("digest", flat=True))
    assert len(digests) == 8
    assert not {one.replace("-", "") for one in codes} & digests
    settings.SECRET_KEY = "another" * 10
    assert app_secret.secret(row.seed) != secret


def test_the_qr_code_names_person_and_site(user: User) -> None:
    parts = urlsplit(second_factor.uri(user, seed=SEED, host="scans.example.org"))
    assert parts.path == "/brainscan:ada%40scans.example.org"
    assert parse_qs(parts.query) == {"secret": [app_secret.secret(SEED)], "issuer": ["brainscan"]}


@pytest.mark.attack("guessing")
def test_five_wrong_codes_lock_and_a_right_password_does_not_unlock(user: User, codes: list[str]) -> None:
    for _ in range(5):
        tried()
        assert not second_factor.check(user, "000000")
    with lockout.attempt(username="ada") as attempt:
        attempt.succeeded = True
    for right in (code(), codes[0]):
        with pytest.raises(lockout.Locked, match="1 minute"):
            second_factor.check(user, right)
    assert AuditEvent.objects.filter(action="second_factor.failed").count() == 5
    assert AuditEvent.objects.get(action="login.locked").details["kind"] == "code"


def test_a_right_code_starts_the_count_anew(user: User, codes: list[str]) -> None:
    second_factor.check(user, "000000")
    assert second_factor.check(user, code())
    assert not LoginFailures.objects.filter(failure_kind=FailureKind.CODE).exists()


def test_removing_takes_app_and_codes_and_is_audited(user: User, admin: User, codes: list[str]) -> None:
    assert second_factor.remove(user, actor=admin)
    assert not second_factor.remove(user, actor=admin)
    assert not RecoveryCode.objects.exists()
    assert AuditEvent.objects.get(action="second_factor.removed").actor == "root"
    assert not second_factor.check(user, code())


@pytest.mark.parametrize(
    ("setting", "staff", "required"),
    [("optional", True, False), ("staff", False, False), ("staff", True, True), ("all", False, True)],
)
def test_who_must_have_a_second_factor(settings: Any, setting: str, staff: bool, required: bool) -> None:
    settings.SECOND_FACTOR = setting
    assert second_factor.is_required(User(is_staff=staff)) is required


class TestAtTheSameMoment:
    """Two requests with the same code: the later one waits for the row of the earlier, and finds the code used."""

    pytestmark = overlapping

    @pytest.fixture(autouse=True)
    def _no_lockout(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It would make the requests of one person wait for each other before they look at the code."""
        monkeypatch.setattr(lockout, "attempt", lambda **_: nullcontext(lockout.Attempt()))

    @pytest.mark.parametrize("kind", ["app", "recovery"])
    def test_of_two_requests_with_one_code_one_succeeds(self, user: User, codes: list[str], kind: str) -> None:
        typed = code() if kind == "app" else codes[0]
        with transaction.atomic():
            assert second_factor.check(user, typed)
            other = Meanwhile(lambda: second_factor.check(user, typed))
        assert other.result() is False
        assert AuditEvent.objects.filter(action="second_factor.failed").count() == 1

    @pytest.mark.parametrize("kind", ["app", "recovery"])
    def test_a_code_stays_valid_if_the_earlier_request_is_rolled_back(
        self, user: User, codes: list[str], kind: str
    ) -> None:
        typed = code() if kind == "app" else codes[0]
        with transaction.atomic():
            assert second_factor.check(user, typed)
            other = Meanwhile(lambda: second_factor.check(user, typed))
            transaction.set_rollback(True)
        assert other.result() is True
