"""Passkeys on the pages: login with and without a password, confirmation, one's own list."""

import time
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from diagnosis.access import login_steps, second_factor
from diagnosis.models import AuditEvent, Passkey, SecondFactor
from tests.authenticator import Authenticator

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
PAGE = "/second-factor/"
ADD = "/second-factor/passkeys/"


@pytest.fixture(autouse=True)
def _hosts(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1"]


class Browser(Client):
    """At http://localhost, with one device."""

    def __init__(self) -> None:
        super().__init__(headers={"host": "localhost", "origin": "http://localhost"})
        self.device = Authenticator()

    def log_in(self, name: str = "ada") -> Any:
        return self.post("/login/", {"username": name, "password": PASSWORD})

    def add(self, name: str = "Laptop", **lies: Any) -> Any:
        options = self.post(f"{ADD}new/").json()
        return self.post(ADD, {"name": name, "passkey": self.device.create(options, **lies)})

    def answer(self, path: str, asked: str = "", **lies: Any) -> Any:
        """Ask at `path`/passkey/, answer at `path`."""
        options = self.post(f"{path}passkey/").json()
        return self.post(path, {"passkey": self.device.get(options, **lies), "next": "/cases/"})


@pytest.fixture
def browser(user: User) -> Browser:
    """Ada's, with a passkey; nobody is logged in."""
    browser = Browser()
    browser.log_in()
    assert browser.add().status_code == 200
    browser.post("/logout/")
    return browser


class TestLogin:
    def test_after_the_password(self, browser: Browser) -> None:
        assert browser.log_in()["Location"] == "/login/code/"
        assert "Use a passkey" in browser.get("/login/code/").content.decode()
        assert browser.get("/cases/")["Location"].startswith("/login/?")
        assert browser.answer("/login/code/")["Location"] == "/history/"
        assert browser.get("/cases/").status_code == 200

    def test_without_a_password(self, browser: Browser) -> None:
        assert "Log in with a passkey" in browser.get("/login/").content.decode()
        assert browser.answer("/login/")["Location"] == "/cases/"
        assert browser.get("/cases/").status_code == 200
        assert [event.actor for event in AuditEvent.objects.filter(action="user.logged_in")] == ["ada", "ada"]

    def test_it_never_leads_to_another_site(self, browser: Browser) -> None:
        options = browser.post("/login/passkey/").json()
        answer = {"passkey": browser.device.get(options), "next": "https://evil.example.org/"}
        assert browser.post("/login/", answer)["Location"] == "/history/"

    def test_the_login_changes_the_session_key(self, browser: Browser) -> None:
        browser.post("/login/passkey/")
        before = browser.session.session_key
        browser.answer("/login/")
        assert browser.session.session_key != before

    @pytest.mark.parametrize("path", ["/login/", "/login/code/"])
    def test_forged_answers_are_reported_on_the_page_and_lock_the_login(self, browser: Browser, path: str) -> None:
        browser.log_in()
        for _ in range(5):
            response = browser.answer(path, origin="https://evil.example.org")
            assert (response.status_code, "not accepted" in response.content.decode()) == (400, True)
        response = browser.answer(path)
        assert (response.status_code, 0 < int(response["Retry-After"]) <= 60) == (429, True)
        assert "Too many failed attempts" in response.content.decode()
        assert browser.get("/cases/").status_code == 302

    def test_too_late_after_the_password(self, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
        browser.log_in()
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 601)
        response = browser.post("/login/code/passkey/")
        assert (response.status_code, response.json()["code"]) == (400, "login_expired")

    def test_a_session_that_is_older_than_the_passkey_is_asked_for_it(self, user: User, browser: Browser) -> None:
        older = Browser()
        older.device = browser.device
        older.force_login(user)
        assert older.get("/cases/")["Location"] == "/login/code/"
        assert older.answer("/login/code/").status_code == 302
        assert older.get("/cases/").status_code == 200

    def test_a_recovery_code_logs_in_instead_of_the_passkey(self, user: User, browser: Browser) -> None:
        codes = second_factor.renew_codes(SecondFactor.objects.get())
        browser.log_in()
        assert "six-digit" not in browser.get("/login/code/").content.decode()
        assert browser.post("/login/code/", {"code": codes[0]})["Location"] == "/history/"

    def test_at_an_ip_address_the_page_leads_to_localhost(self, browser: Browser) -> None:
        client = Client(headers={"host": "127.0.0.1:8000"})
        assert "passkey" not in client.get("/login/").content.decode()
        assert client.post("/login/passkey/").json()["code"] == "passkeys_unavailable"
        client.post("/login/", {"username": "ada", "password": PASSWORD})
        assert "http://localhost:8000/login/code/" in client.get("/login/code/").content.decode()

    def test_wrong_verbs(self, browser: Browser) -> None:
        assert browser.get("/login/passkey/").status_code == 405
        assert browser.get("/login/code/passkey/").status_code == 405


class TestConfirming:
    def test_instead_of_the_password(self, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
        browser.answer("/login/")
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 3600)
        assert browser.post(f"{PAGE}codes/")["Location"].startswith("/confirm/")
        assert "Use a passkey instead" in browser.get(f"/confirm/?next={PAGE}").content.decode()
        assert browser.answer("/confirm/")["Location"] == "/cases/"
        assert browser.post(f"{PAGE}codes/").status_code == 200
        assert AuditEvent.objects.filter(action="user.confirmed", actor="ada").count() == 1

    def test_a_touch_alone_does_not_confirm(self, browser: Browser) -> None:
        browser.answer("/login/")
        browser.device.verifies = False
        response = browser.answer("/confirm/")
        assert (response.status_code, "not accepted" in response.content.decode()) == (400, True)
        assert not AuditEvent.objects.filter(action="user.confirmed").exists()

    def test_without_a_passkey_the_page_offers_none(self, as_user: Client) -> None:
        page = as_user.get("/confirm/", headers={"host": "localhost"}).content.decode()
        assert "Use a passkey" not in page
        answer = as_user.post("/confirm/passkey/", headers={"host": "localhost"})
        assert answer.json()["code"] == "no_passkey"


class TestPage:
    def test_adding(self, user: User) -> None:
        browser = Browser()
        browser.log_in()
        assert "Add a passkey" in browser.get(PAGE).content.decode()
        page = browser.add().content.decode()
        assert "shown only now" in page and "never used" in page and "8 recovery codes left" in page
        browser.device = Authenticator()
        assert browser.add("Phone")["Location"] == PAGE
        assert browser.get("/cases/").status_code == 200

    def test_an_error_is_shown_and_the_name_stays(self, browser: Browser) -> None:
        browser.answer("/login/")
        browser.device = Authenticator()
        response = browser.add("Phone", origin="https://evil.example.org")
        assert response.status_code == 400
        assert "not accepted" in response.content.decode() and 'value="Phone"' in response.content.decode()
        assert Passkey.objects.count() == 1

    def test_removing(self, browser: Browser) -> None:
        browser.answer("/login/")
        assert "last used" in browser.get(PAGE).content.decode()
        assert browser.post(f"{ADD}{Passkey.objects.get().pk}/remove/")["Location"] == PAGE
        assert not SecondFactor.objects.exists()
        assert browser.log_in("ada")["Location"] == "/history/"

    def test_removing_another_persons_passkey_is_a_404(self, browser: Browser, other_user: User) -> None:
        other = Browser()
        other.log_in("grace")
        assert other.post(f"{ADD}{Passkey.objects.get().pk}/remove/").status_code == 404
        assert Passkey.objects.exists()

    def test_beside_an_app(self, browser: Browser, user: User) -> None:
        browser.answer("/login/")
        page = browser.get(PAGE).content.decode()
        assert "QR code" in page
        SecondFactor.objects.update(seed="5eed" * 16, last_step=0)
        assert "You have one, last used" in browser.get(PAGE).content.decode()
        browser.post(f"{PAGE}remove/")
        assert SecondFactor.objects.get().seed == ""
        browser.post(f"{ADD}{Passkey.objects.get().pk}/remove/")
        assert not SecondFactor.objects.exists()

    def test_each_change_needs_a_recent_confirmation(self, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
        browser.answer("/login/")
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 3600)
        assert browser.post(f"{ADD}new/").json()["code"] == "confirm_first"
        for path in (ADD, f"{ADD}{Passkey.objects.get().pk}/remove/"):
            assert browser.post(path)["Location"] == f"/confirm/?next={PAGE}"
        page = browser.get(PAGE).content.decode()
        assert "Confirm that it is you" in page and "Add a passkey" not in page
        assert Passkey.objects.exists()

    def test_wrong_verbs(self, browser: Browser) -> None:
        browser.answer("/login/")
        for path in (ADD, f"{ADD}new/", f"{ADD}1/remove/", "/confirm/passkey/"):
            assert browser.get(path).status_code == 405


class TestDemanded:
    @pytest.fixture(autouse=True)
    def _demanded(self, settings: Any) -> None:
        settings.SECOND_FACTOR = "staff"

    def test_a_passkey_meets_the_demand_for_a_second_factor(self, admin: User) -> None:
        browser = Browser()
        browser.log_in("root")
        for path in ("/admin/", "/history/", f"{ADD}1/remove/"):
            assert browser.get(path)["Location"] == PAGE
        assert browser.add().status_code == 200
        assert browser.get("/admin/").status_code == 200
        browser.post("/logout/")
        browser.answer("/login/")
        assert browser.get("/admin/").status_code == 200

    def test_invalid_answers_do_not_meet_the_demand_for_a_second_factor(self, admin: User) -> None:
        browser = Browser()
        browser.log_in("root")
        browser.post(PAGE, {"code": "000000"})
        browser.post(ADD, {"name": "Laptop", "passkey": "{}"})
        browser.post("/confirm/", {"passkey": "{}"})
        assert browser.get("/history/")["Location"] == PAGE
        assert login_steps._PASSED not in browser.session
