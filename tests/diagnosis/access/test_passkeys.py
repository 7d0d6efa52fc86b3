"""Passkeys of people: whose are taken, for what and how often."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.db import transaction
from django.http import HttpRequest
from django.test import RequestFactory

from diagnosis.access import lockout, passkeys, second_factor
from diagnosis.access.refusals import Refused
from diagnosis.access.webauthn import Purpose
from diagnosis.models import AuditEvent, LoginFailures, Passkey, RecoveryCode, SecondFactor
from diagnosis.models.login_failures import FailureKind
from tests.authenticator import Authenticator
from tests.overlapping import Meanwhile, overlapping
from tests.verification.security import tried

pytestmark = pytest.mark.django_db
Add = Callable[..., list[str]]


@pytest.fixture
def request_(settings: Any) -> HttpRequest:
    """A browser's session at http://localhost."""
    settings.ALLOWED_HOSTS = ["localhost"]
    request = RequestFactory(headers={"host": "localhost"}).get("/")
    request.session = SessionStore()
    return request


@pytest.fixture
def add(request_: HttpRequest) -> Add:
    def added(user: User, device: Authenticator, *, name: str = "Laptop") -> list[str]:
        options = json.loads(json.dumps(passkeys.options_to_add(request_, user)))
        return passkeys.add(request_, user, name=name, answer=device.create(options))

    return added


@pytest.fixture
def device(user: User, add: Add) -> Authenticator:
    """Ada's, added under the name Laptop."""
    made = Authenticator()
    add(user, made)
    return made


def answer(
    request: HttpRequest,
    device: Authenticator,
    user: User | None,
    purpose: Purpose = Purpose.SECOND_FACTOR,
    **lies: Any,
) -> str:
    return device.get(passkeys.options(request, purpose=purpose, user=user), **lies)


def use(request: HttpRequest, device: Authenticator, user: User, **lies: Any) -> None:
    passkeys.check(request, user, purpose=Purpose.SECOND_FACTOR, answer=answer(request, device, user, **lies))


def failure() -> str:
    return str(AuditEvent.objects.filter(action="passkey.failed").latest("pk").details["reason"])


class TestAdding:
    def test_the_first_comes_with_recovery_codes(self, user: User, add: Add) -> None:
        codes = add(user, Authenticator(), name="  Lap\x00top  of ada ")
        assert len(codes) == 8 and second_factor.check(user, codes[0])
        assert add(user, Authenticator(), name="Phone") == []
        assert [one.name for one in passkeys.of(user)] == ["Laptop of ada", "Phone"]
        assert len({one.user_handle for one in passkeys.of(user)}) == 1
        assert AuditEvent.objects.filter(action="passkey.added", actor="ada").count() == 2
        assert not second_factor.of(user).has_app  # type: ignore[union-attr]

    @pytest.mark.parametrize("name", ["", " \n", "x" * 61])
    def test_a_name_of_1_to_60_characters_is_required(self, user: User, add: Add, name: str) -> None:
        with pytest.raises(Refused, match="60 characters"):
            add(user, Authenticator(), name=name)

    def test_a_name_or_key_is_not_added_twice(
        self, user: User, other_user: User, add: Add, device: Authenticator
    ) -> None:
        for person, one, name in (
            (user, Authenticator(), "Laptop"),
            (user, device, "Other"),
            (other_user, device, "Laptop"),
        ):
            with pytest.raises(Refused, match="already"):
                add(person, one, name=name)
        assert Passkey.objects.count() == 1
        assert not SecondFactor.objects.filter(user=other_user).exists()

    def test_devices_that_have_one_are_named_to_the_browser(
        self, user: User, request_: HttpRequest, device: Authenticator
    ) -> None:
        known = passkeys.options_to_add(request_, user)["excludeCredentials"]
        assert [one["id"] for one in known] == [Passkey.objects.get().credential_id]

    def test_the_number_of_passkeys_is_limited(
        self, user: User, request_: HttpRequest, device: Authenticator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(passkeys, "MAX_PASSKEYS", 1)
        with pytest.raises(Refused, match="1 passkeys"):
            passkeys.options_to_add(request_, user)

    @pytest.mark.attack("passkeys")
    def test_a_forged_answer_adds_nothing_and_is_audited(self, user: User, request_: HttpRequest) -> None:
        options = passkeys.options_to_add(request_, user)
        made = Authenticator().create(options, origin="https://evil.example.org")
        with pytest.raises(Refused, match="not accepted"):
            passkeys.add(request_, user, name="Laptop", answer=made)
        assert "origin" in failure()
        assert not SecondFactor.objects.exists()


class TestUsing:
    def test_each_use_of_a_passkey_is_counted_and_audited(
        self, user: User, request_: HttpRequest, device: Authenticator
    ) -> None:
        use(request_, device, user)
        use(request_, device, user)
        passkey = Passkey.objects.get()
        assert (passkey.sign_count, passkey.last_used is not None) == (3, True)
        event = AuditEvent.objects.filter(action="passkey.used").latest("pk")
        assert (event.actor, event.details) == ("ada", {"passkey": "Laptop", "purpose": "second_factor"})
        assert not LoginFailures.objects.filter(failure_kind=FailureKind.CODE).exists()

    def test_a_synchronized_passkey_without_a_counter_works(self, user: User, request_: HttpRequest, add: Add) -> None:
        synchronized = Authenticator(count=None)
        add(user, synchronized)
        use(request_, synchronized, user)
        use(request_, synchronized, user)

    @pytest.mark.attack("passkeys")
    def test_a_counter_that_went_back_is_refused_as_a_copy(
        self, user: User, request_: HttpRequest, device: Authenticator
    ) -> None:
        use(request_, device, user)
        for earlier in (1, 0, -1):  # answers then with 2, 1 and 0
            device.count = earlier
            with pytest.raises(Refused, match="copied"):
                use(request_, device, user)
        assert failure() == "its count went back"

    @pytest.mark.attack("passkeys")
    @pytest.mark.parametrize(
        ("lie", "reason"),
        [
            ({"origin": "https://evil.example.org"}, "Invalid origin"),
            ({"host": "evil.example.org"}, "Wrong RP ID"),
            ({"challenge": b"x" * 32}, "Wrong challenge"),
            ({"type": "webauthn.create"}, "Incorrect type"),
            ({"cross_origin": True}, "frame"),
            ({"signs": b"something else"}, "Invalid signature"),
            ({"handle": "b3RoZXI"}, "another person"),
        ],
    )
    def test_a_forged_answer_is_refused(
        self, user: User, request_: HttpRequest, device: Authenticator, lie: dict[str, Any], reason: str
    ) -> None:
        with pytest.raises(Refused, match="not accepted"):
            use(request_, device, user, **lie)
        assert reason in failure()
        assert Passkey.objects.get().last_used is None

    @pytest.mark.attack("passkeys")
    def test_an_answer_is_taken_once(self, user: User, request_: HttpRequest, device: Authenticator) -> None:
        given = answer(request_, device, user)
        before = dict(request_.session.items())
        passkeys.check(request_, user, purpose=Purpose.SECOND_FACTOR, answer=given)
        with pytest.raises(Refused):
            passkeys.check(request_, user, purpose=Purpose.SECOND_FACTOR, answer=given)
        assert failure() == "nothing was asked"
        request_.session.update(before)  # as a request that came at the same moment finds it
        with pytest.raises(Refused):
            passkeys.check(request_, user, purpose=Purpose.SECOND_FACTOR, answer=given)
        assert failure() == "used already"

    @pytest.mark.attack("passkeys")
    def test_an_answer_after_five_minutes_is_refused(
        self, user: User, request_: HttpRequest, device: Authenticator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given = answer(request_, device, user)
        request_.session["passkey_challenge"]["at"] -= 301
        with pytest.raises(Refused, match="too late"):
            passkeys.check(request_, user, purpose=Purpose.SECOND_FACTOR, answer=given)

    @pytest.mark.attack("passkeys")
    def test_another_persons_passkey_is_refused(
        self, user: User, other_user: User, request_: HttpRequest, add: Add, device: Authenticator
    ) -> None:
        foreign = Authenticator()
        add(other_user, foreign)
        with pytest.raises(Refused):
            use(request_, foreign, user)
        assert failure() == "of another person"
        assert AuditEvent.objects.filter(action="passkey.failed").latest("pk").target == "ada"

    @pytest.mark.attack("passkeys")
    def test_a_removed_passkey_is_refused(
        self, user: User, request_: HttpRequest, add: Add, device: Authenticator
    ) -> None:
        add(user, Authenticator(), name="Phone")
        given = answer(request_, device, user)
        passkeys.remove(Passkey.objects.get(name="Laptop"), actor=user)
        with pytest.raises(Refused):
            passkeys.check(request_, user, purpose=Purpose.SECOND_FACTOR, answer=given)
        assert failure() == "not known"

    def test_a_passkey_of_another_host_is_not_offered(
        self, user: User, request_: HttpRequest, device: Authenticator
    ) -> None:
        Passkey.objects.update(host="scans.example.org")
        with pytest.raises(Refused, match="no passkey"):
            passkeys.options(request_, purpose=Purpose.SECOND_FACTOR, user=user)

    @pytest.mark.attack("guessing")
    def test_five_failures_lock_codes_too(self, user: User, request_: HttpRequest, device: Authenticator) -> None:
        for _ in range(5):
            tried()
            with pytest.raises(Refused):
                use(request_, device, user, signs=b"nothing")
        with pytest.raises(lockout.Locked, match="1 minute"):
            use(request_, device, user)
        with pytest.raises(lockout.Locked):
            second_factor.check(user, "000000")


class TestWithoutPassword:
    def log_in(self, request: HttpRequest, device: Authenticator, **lies: Any) -> User:
        return passkeys.identify(request, answer=answer(request, device, None, Purpose.LOGIN, **lies))

    def test_the_passkey_tells_who_logs_in(self, user: User, request_: HttpRequest, device: Authenticator) -> None:
        assert self.log_in(request_, device) == user

    def test_nobody_is_named_to_the_browser(self, request_: HttpRequest, device: Authenticator) -> None:
        options = passkeys.options(request_, purpose=Purpose.LOGIN)
        assert "allowCredentials" not in options
        assert options["userVerification"] == "required"

    @pytest.mark.attack("passkeys")
    @pytest.mark.parametrize("lie", [{"handle": ""}, {"handle": "b3RoZXI"}, {"origin": "https://evil.example.org"}])
    def test_a_forged_answer_is_refused(
        self, request_: HttpRequest, device: Authenticator, lie: dict[str, str]
    ) -> None:
        with pytest.raises(Refused):
            self.log_in(request_, device, **lie)

    @pytest.mark.attack("passkeys")
    def test_a_touch_alone_is_not_enough(self, user: User, request_: HttpRequest, device: Authenticator) -> None:
        device.verifies = False
        with pytest.raises(Refused):
            self.log_in(request_, device)
        assert "verification required" in failure()
        use(request_, device, user)  # after the password it is

    @pytest.mark.attack("passkeys")
    def test_a_deactivated_person(self, user: User, request_: HttpRequest, device: Authenticator) -> None:
        user.is_active = False
        user.save()
        with pytest.raises(Refused, match="not accepted"):
            self.log_in(request_, device)
        assert failure() == "deactivated"

    @pytest.mark.attack("passkeys")
    def test_an_answer_given_as_second_factor_does_not_log_in_alone(
        self, user: User, request_: HttpRequest, device: Authenticator
    ) -> None:
        with pytest.raises(Refused):
            passkeys.identify(request_, answer=answer(request_, device, user))
        assert failure() == "nothing was asked"

    def test_failures_count_by_name_and_by_address(
        self, user: User, request_: HttpRequest, device: Authenticator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("diagnosis.access.audit.address", lambda: "192.0.2.7")
        for stranger in (device, Authenticator()):
            with pytest.raises(Refused):
                self.log_in(request_, stranger, signs=b"nothing")
        counted = set(LoginFailures.objects.values_list("failure_kind", "key", "failures"))
        assert counted == {("code", "ada", 1), ("address", "192.0.2.7", 2)}


class TestRemoving:
    def test_recovery_codes_go_with_the_last_passkey(
        self, user: User, admin: User, add: Add, device: Authenticator
    ) -> None:
        add(user, Authenticator(), name="Phone")
        for name, left in (("Laptop", 8), ("Phone", 0)):
            passkeys.remove(Passkey.objects.get(name=name), actor=admin)
            assert RecoveryCode.objects.count() == left
        assert second_factor.of(user) is None
        assert AuditEvent.objects.filter(action="passkey.removed", actor="root", target="ada").count() == 2

    def test_removing_twice_is_audited_once(self, user: User, device: Authenticator) -> None:
        passkey = Passkey.objects.get()
        passkeys.remove(passkey, actor=user)
        passkey.pk = 1
        passkeys.remove(passkey, actor=user)
        assert AuditEvent.objects.filter(action="passkey.removed").count() == 1


class TestAtTheSameMoment:
    pytestmark = overlapping

    def test_of_one_answer_sent_twice_one_is_taken(
        self, user: User, request_: HttpRequest, add: Add, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        device = Authenticator(count=None)
        add(user, device)
        monkeypatch.setattr(lockout, "attempt", lambda **_: nullcontext(lockout.Attempt()))
        given = answer(request_, device, user)
        other = RequestFactory(headers={"host": "localhost"}).get("/")
        other.session = SessionStore()
        other.session.update(dict(request_.session.items()))
        with transaction.atomic():
            passkeys.check(request_, user, purpose=Purpose.SECOND_FACTOR, answer=given)
            second = Meanwhile(lambda: passkeys.check(other, user, purpose=Purpose.SECOND_FACTOR, answer=given))
        with pytest.raises(Refused):
            second.result()
        assert failure() == "used already"
