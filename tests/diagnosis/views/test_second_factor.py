"""The login in two steps, the page of the second factor, and who is led there."""

import time
from typing import Any

import pyotp
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from diagnosis.access import app_secret, second_factor
from diagnosis.models import AuditEvent, SecondFactor
from tests.factories import token_key

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
SEED = "5eed" * 16
PAGE = "/second-factor/"
CODE = "/login/code/"


def code(seed: str = SEED, *, steps: int = 0) -> str:
    return pyotp.TOTP(app_secret.secret(seed)).generate_otp(int(time.time()) // 30 + steps)


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time() // 30 * 30 + 15
    monkeypatch.setattr(time, "time", lambda: now)


@pytest.fixture
def codes(user: User) -> list[str]:
    return second_factor.add(user, seed=SEED, code=code(steps=-1))


def log_in(client: Client, name: str = "ada", **fields: str) -> Any:
    return client.post("/login/", {"username": name, "password": PASSWORD, **fields})


class TestLogin:
    def test_the_password_alone_opens_nothing(self, client: Client, codes: list[str]) -> None:
        assert log_in(client)["Location"] == CODE
        assert client.get("/history/")["Location"].startswith("/login/?")
        assert client.get("/api/v1/cases/").status_code == 401
        assert not AuditEvent.objects.filter(action="user.logged_in").exists()

    def test_the_code_opens_the_page_that_was_asked_for(self, client: Client, codes: list[str]) -> None:
        log_in(client, next="/cases/")
        assert "Type your code" in client.get(CODE).content.decode()
        assert client.post(CODE, {"code": code()})["Location"] == "/cases/"
        assert client.get("/cases/").status_code == 200
        assert AuditEvent.objects.get(action="user.logged_in").actor == "ada"

    def test_a_code_logs_in_once(self, client: Client, codes: list[str]) -> None:
        log_in(client)
        client.post(CODE, {"code": code()})
        other = Client()
        log_in(other)
        assert "used already" in other.post(CODE, {"code": code()}).content.decode()
        assert other.post(CODE, {"code": codes[0]})["Location"] == "/history/"

    @pytest.mark.parametrize("sent", [{}, {"data": "{}", "content_type": "application/json"}, {"data": {"code": ""}}])
    def test_an_answer_without_a_code_logs_nobody_in(self, user: User, codes: list[str], sent: dict[str, Any]) -> None:
        client = Client(enforce_csrf_checks=True)  # a form without fields passes with the token in a header
        client.get("/login/")
        log_in(client, csrfmiddlewaretoken=client.cookies["csrftoken"].value)
        answer = client.post(CODE, **sent, headers={"X-CSRFToken": client.cookies["csrftoken"].value})
        assert (answer.status_code, "Type the code." in answer.content.decode()) == (200, True)
        assert client.get("/history/")["Location"].startswith("/login/?")

    def test_wrong_codes_lock(self, client: Client, codes: list[str]) -> None:
        log_in(client)
        for _ in range(5):
            assert "not valid" in client.post(CODE, {"code": "123"}).content.decode()
        log_in(client)
        response = client.post(CODE, {"code": code()})
        assert (response.status_code, 0 < int(response["Retry-After"]) <= 60) == (429, True)
        assert "Too many failed attempts" in response.content.decode()

    @pytest.mark.parametrize("kind", ["visitor", "too late", "other password", "deactivated", "removed"])
    def test_the_code_is_asked_of_nobody_else(
        self, client: Client, user: User, codes: list[str], kind: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if kind != "visitor":
            log_in(client)
        if kind == "too late":
            now = time.time()
            monkeypatch.setattr(time, "time", lambda: now + 601)
        if kind == "other password":
            user.set_password("another one 77")
        user.is_active = kind != "deactivated"
        user.save()
        if kind == "removed":
            second_factor.remove(user, actor=None)
        for response in (client.get(CODE), client.post(CODE, {"code": code()})):
            assert (response.status_code, response["Location"]) == (302, "/login/")
        assert client.get("/history/").status_code == 302

    def test_a_token_needs_no_code(self, codes: list[str], user: User) -> None:
        assert Client().get("/api/v1/cases/", headers={"authorization": f"Token {token_key(user)}"}).status_code == 200

    def test_wrong_verbs(self, client: Client, codes: list[str]) -> None:
        log_in(client)
        assert client.delete(CODE).status_code == 405


class TestOlderSessions:
    def test_a_session_older_than_the_app_is_asked_for_the_code(self, as_user: Client, codes: list[str]) -> None:
        assert as_user.get("/cases/")["Location"] == CODE
        answer = as_user.get("/api/v1/cases/")
        assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_required")
        assert as_user.get(PAGE)["Location"] == CODE
        as_user.post(CODE, {"code": code()})
        assert as_user.get("/cases/").status_code == 200


class TestPage:
    def enter(self, client: Client) -> str:
        log_in(client)
        client.get(PAGE)
        return str(client.session["second_factor_seed"])

    def test_adding(self, client: Client, user: User) -> None:
        seed = self.enter(client)
        page = client.get(PAGE).content.decode()
        assert app_secret.secret(seed) in page and "data:image/svg+xml" in page
        wrong = client.post(PAGE, {"code": "000000"})
        assert wrong.status_code == 400 and "not the code" in wrong.content.decode()
        assert app_secret.secret(seed) in wrong.content.decode()
        page = client.post(PAGE, {"code": code(seed)}).content.decode()
        assert "shown only now" in page and "8 recovery codes left" in page
        page = client.get(PAGE).content.decode()
        assert app_secret.secret(seed) not in page and "shown only now" not in page
        assert client.get("/cases/").status_code == 200

    def test_new_codes_and_removing(self, client: Client, user: User, codes: list[str]) -> None:
        log_in(client)
        client.post(CODE, {"code": codes[0]})
        assert "7 recovery codes left" in client.get(PAGE).content.decode()
        assert "8 recovery codes left" in client.post(f"{PAGE}codes/").content.decode()
        assert not second_factor.check(user, codes[1])
        assert client.post(f"{PAGE}remove/")["Location"] == PAGE
        assert not SecondFactor.objects.exists()
        assert log_in(Client())["Location"] == "/history/"

    def test_each_change_asks_for_the_password_when_it_was_long_ago(
        self, client: Client, codes: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        log_in(client)
        client.post(CODE, {"code": code()})
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 3600)
        for path in ("codes/", "remove/"):
            assert client.post(f"{PAGE}{path}")["Location"] == f"/confirm/?next={PAGE}"
        SecondFactor.objects.all().delete()
        assert client.get(PAGE)["Location"] == f"/confirm/?next={PAGE}"

    def test_codes_of_whoever_has_none_and_wrong_verbs(self, client: Client, user: User) -> None:
        log_in(client)
        assert client.post(f"{PAGE}codes/")["Location"] == PAGE
        assert client.post(f"{PAGE}remove/")["Location"] == PAGE
        assert client.get(f"{PAGE}remove/").status_code == 405
        assert client.get(f"{PAGE}codes/").status_code == 405
        assert Client().get(PAGE)["Location"].startswith("/login/")


class TestDemanded:
    @pytest.fixture(autouse=True)
    def _demanded(self, settings: Any) -> None:
        settings.SECOND_FACTOR = "staff"

    def test_an_administrator_adds_one_before_anything_opens(self, client: Client, admin: User) -> None:
        log_in(client, "root")
        for path in ("/history/", "/admin/", "/password/", "/tokens/", "/api/docs/", "/second-factor/codes/"):
            assert client.get(path)["Location"] == PAGE, path
        assert client.get("/api/v1/cases/").json()["code"] == "second_factor_required"
        assert "needs a second factor" in client.get(PAGE).content.decode()
        assert client.get(f"/confirm/?next={PAGE}").status_code == 200
        client.post(PAGE, {"code": code(client.session["second_factor_seed"])})
        assert client.get("/admin/").status_code == 200

    def test_people_of_whom_none_is_demanded_open_pages(self, as_user: Client) -> None:
        assert as_user.get("/history/").status_code == 200

    def test_logging_out_and_health_stay_open(self, client: Client, admin: User) -> None:
        log_in(client, "root")
        assert client.get("/health/live").status_code == 200
        assert client.post("/logout/")["Location"] == "/login/"


def test_a_session_with_it_costs_no_query_more(client: Client, user: User) -> None:
    log_in(client)
    client.get(PAGE)
    with CaptureQueriesContext(connection) as before:
        client.get("/password/")
    client.post(PAGE, {"code": code(client.session["second_factor_seed"])})
    with CaptureQueriesContext(connection) as after:
        client.get("/password/")
    assert len(after) == len(before)
