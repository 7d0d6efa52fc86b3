"""At which addresses there are passkeys, and answers that are no answers."""

import json
import time
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest
from django.test import RequestFactory

from diagnosis.access import webauthn
from diagnosis.access.refusals import Refused
from diagnosis.access.webauthn import NotProven, Purpose, Site
from tests.authenticator import Authenticator
from tests.verification.security import tried

pytestmark = pytest.mark.django_db
HANDLE = "aGFuZGxl"


@pytest.fixture(autouse=True)
def _hosts(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["localhost", "Scans.example.org", "127.0.0.1", ".wide.example.org"]


def request_at(host: str = "localhost", *, secure: bool = False, **headers: str) -> HttpRequest:
    request = RequestFactory(headers={"host": host} | headers).get("/", secure=secure)
    request.session = SessionStore()
    return request


def asked(user: User, **changes: Any) -> tuple[HttpRequest, dict[str, Any]]:
    request = request_at()
    options = webauthn.ask_to_create(request, user, handle=HANDLE, existing=[])
    request.session["passkey_challenge"] |= changes
    return request, json.loads(json.dumps(options))


def created(request: HttpRequest, user: User, answer: str) -> webauthn.NewCredential:
    return webauthn.created(webauthn.take(request, purpose=Purpose.ADD, user=user), answer)


class TestSite:
    @pytest.mark.parametrize(
        ("host", "secure", "site"),
        [
            ("localhost", False, Site("localhost", "http://localhost")),
            ("localhost:8000", False, Site("localhost", "http://localhost:8000")),
            ("scans.example.org", True, Site("scans.example.org", "https://scans.example.org")),
            ("scans.example.org:8443", True, Site("scans.example.org", "https://scans.example.org:8443")),
            ("scans.example.org", False, None),  # no HTTPS
            ("127.0.0.1:8000", False, None),
            ("a.wide.example.org", True, None),  # only a pattern lists it
        ],
    )
    def test_a_site_needs_https_and_a_host_listed_in_full(self, host: str, secure: bool, site: Site | None) -> None:
        assert webauthn.site_of(request_at(host, secure=secure)) == site

    def test_a_wildcard_host_is_no_site(self, settings: Any) -> None:
        settings.ALLOWED_HOSTS = ["*"]
        assert webauthn.site_of(request_at("scans.example.org", secure=True)) is None

    @pytest.mark.attack("passkeys")
    @pytest.mark.parametrize("origin", ["https://evil.example.org", "null", "http://localhost:1", "https://localhost"])
    def test_another_origin_is_not_the_site(self, origin: str) -> None:
        assert webauthn.site_of(request_at(origin=origin)) is None
        with pytest.raises(Refused, match="HTTPS"):
            webauthn.ask(request_at(origin=origin), purpose=Purpose.LOGIN, user=None, allowed=[])

    def test_a_trusted_origin_is_the_site_behind_a_proxy_that_changes_the_host(self, settings: Any) -> None:
        settings.CSRF_TRUSTED_ORIGINS = ["https://outside.example.org", "https://*.example.net"]
        inside = request_at("localhost:8000", origin="https://outside.example.org")
        assert webauthn.site_of(inside) == Site("outside.example.org", "https://outside.example.org")
        assert webauthn.site_of(request_at("localhost:8000", origin="https://a.example.net")) is None


class TestCreating:
    def test_the_options_name_site_person_and_algorithms(self, user: User) -> None:
        _, options = asked(user)
        assert options["rp"]["id"] == "localhost"
        assert (options["user"]["name"], options["user"]["id"]) == ("ada", HANDLE)
        assert [one["alg"] for one in options["pubKeyCredParams"]] == [-8, -7, -257]
        assert len(options["challenge"]) == 43

    def test_a_good_answer(self, user: User) -> None:
        request, options = asked(user)
        device = Authenticator(count=6)
        made = created(request, user, device.create(options))
        assert (made.sign_count, made.packed[18:50]) == (7, device.id)

    @pytest.mark.attack("passkeys")
    @pytest.mark.parametrize(
        ("lie", "reason"),
        [
            ({"origin": "https://evil.example.org"}, "Invalid origin"),
            ({"origin": "http://localhost:1"}, "Invalid origin"),
            ({"host": "evil.example.org"}, "Wrong RP ID"),
            ({"challenge": b"x" * 32}, "Wrong challenge"),
            ({"type": "webauthn.get"}, "Incorrect type"),
            ({"cross_origin": True}, "frame"),
            ({"key": {1: 2, 3: -7, -1: 1}}, "no usable key"),  # half a key
            ({"key": {1: 3, 3: -65535, -1: b"n", -2: b"e"}}, "no usable key"),  # RSA with SHA-1
        ],
    )
    def test_a_forged_answer_is_refused(self, user: User, lie: dict[str, Any], reason: str) -> None:
        request, options = asked(user)
        with pytest.raises(NotProven, match=reason):
            created(request, user, Authenticator().create(options, **lie))

    @pytest.mark.attack("passkeys")
    def test_an_id_that_is_too_long(self, user: User) -> None:
        request, options = asked(user)
        with pytest.raises(NotProven, match="no usable key"):
            created(request, user, Authenticator(id=b"i" * 1024).create(options))

    @pytest.mark.attack("passkeys")
    @pytest.mark.parametrize(
        "answer",
        [
            "",
            "{",
            "[]",
            "null",
            "{}",
            "7",
            '[["id", 1]]',
            '{"rawId": 1}',
            "[" * 9000,
            "x" * 17_000,
            '{"rawId": "AA", "response": {}}',
        ],
    )
    def test_unreadable_responses(self, user: User, answer: str) -> None:
        request, _ = asked(user)
        with pytest.raises(NotProven, match=r"readable|too long"):
            created(request, user, answer)
        assert webauthn.credential_id(answer) is None

    @pytest.mark.attack("passkeys")
    def test_a_damaged_answer_is_refused_wherever_the_damage_is(self, user: User) -> None:
        request, options = asked(user)
        kept = dict(request.session["passkey_challenge"])
        whole = Authenticator().create(options)
        refused = 0
        for at in range(0, len(whole), 3):
            request.session["passkey_challenge"] = kept
            tried()
            try:
                created(request, user, whole[:at] + "A" + whole[at + 1 :])
            except NotProven:
                refused += 1
        assert refused > 50  # an id or a key with another byte is another id or key; anything else ends so


class TestChallenge:
    def test_a_challenge_takes_one_answer(self, user: User) -> None:
        request, options = asked(user)
        answer = Authenticator().create(options)
        created(request, user, answer)
        with pytest.raises(NotProven, match="nothing was asked"):
            created(request, user, answer)

    @pytest.mark.parametrize(("seconds", "good"), [(299, True), (300, False), (-1, False)])
    def test_a_challenge_expires_after_five_minutes(
        self, user: User, seconds: int, good: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now)
        request, options = asked(user, at=now - seconds)
        if good:
            assert created(request, user, Authenticator().create(options))
        else:
            with pytest.raises(NotProven, match="too late"):
                created(request, user, Authenticator().create(options))

    @pytest.mark.attack("passkeys")
    def test_a_challenge_is_for_one_person_and_one_purpose(self, user: User, other_user: User) -> None:
        for purpose, person in ((Purpose.ADD, other_user), (Purpose.LOGIN, None), (Purpose.CONFIRM, user)):
            request, _ = asked(user)
            tried()
            with pytest.raises(NotProven, match="nothing was asked"):
                webauthn.take(request, purpose=purpose, user=person)

    def test_each_challenge_is_new(self, user: User) -> None:
        assert len({asked(user)[1]["challenge"] for _ in range(5)}) == 5
