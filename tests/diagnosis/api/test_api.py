"""What holds for the whole API: authentication, problems, limits, its description and its documentation."""

import re
from pathlib import Path
from typing import Any

import pytest
import redis
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import OperationalError
from django.test import Client
from django.urls import get_resolver
from rest_framework.test import APIClient

from diagnosis.api.throttling import UserThrottle
from tests.builders import png_bytes

ROOT = Path(__file__).resolve().parents[3]
CASES = "/api/v1/cases/"
pytestmark = pytest.mark.django_db


def _placeholder(part: re.Match[str]) -> str:
    return "{index}" if part[1] == "index" else "{id}"


def addresses() -> list[str]:
    """Every address of the API, as docs and schema write it: /api/v1/scans/{id}/file/."""
    patterns = next(p for p in get_resolver().url_patterns if str(p.pattern) == "api/v1/").url_patterns
    return sorted({"/api/v1/" + re.sub(r"<int:(\w+)>", _placeholder, str(pattern.pattern)) for pattern in patterns})


class TestAuthentication:
    def test_a_session_works_too(self, as_user: Client) -> None:
        assert as_user.get(CASES).status_code == 200

    def test_a_session_needs_the_csrf_token(self, user: User, problem: Any) -> None:
        client = APIClient(enforce_csrf_checks=True)
        client.force_login(user)
        problem(client.post("/api/v1/predictions/1/cancel/"), 403, "permission_denied")
        problem(client.post("/api/v1/scans/", {"case": "A"}, format="multipart"), 403, "permission_denied")

    def test_a_session_with_the_csrf_token_may_upload(self, user: User) -> None:
        from django.core.files.uploadedfile import SimpleUploadedFile

        client = APIClient(enforce_csrf_checks=True)
        client.force_login(user)
        client.cookies["csrftoken"] = "a" * 32
        response = client.post(
            "/api/v1/scans/",
            {"files": SimpleUploadedFile("a.png", png_bytes())},
            format="multipart",
            HTTP_X_CSRFTOKEN="a" * 32,
        )
        assert response.status_code == 201

    def test_a_session_cannot_hide_a_bad_body_behind_csrf(self, user: User, settings: Any, problem: Any) -> None:
        from django.core.files.uploadedfile import SimpleUploadedFile

        settings.DATA_UPLOAD_MAX_NUMBER_FILES = 1
        client = APIClient(enforce_csrf_checks=True)
        client.force_login(user)
        client.cookies["csrftoken"] = "a" * 32
        files = [SimpleUploadedFile(f"{n}.png", png_bytes()) for n in range(2)]
        response = client.post("/api/v1/scans/", {"files": files}, format="multipart", HTTP_X_CSRFTOKEN="a" * 32)
        problem(response, 400, "too_many_files")

    def test_a_token_needs_none(self, login: Any, user: User, problem: Any) -> None:
        client = login(user)
        client.handler.enforce_csrf_checks = True
        problem(client.post("/api/v1/predictions/1/cancel/"), 404, "not_found")

    @pytest.mark.parametrize("header", ["Token wrong", "Token", "Token a b", "Token \xff"])
    def test_a_bad_token_is_401(self, anonymous: APIClient, problem: Any, header: str) -> None:
        response = anonymous.get(CASES, HTTP_AUTHORIZATION=header)
        problem(response, 401, "authentication_failed")
        assert response["WWW-Authenticate"] == "Token"

    def test_a_person_who_left_is_401(self, api: APIClient, user: User, problem: Any) -> None:
        User.objects.filter(pk=user.pk).update(is_active=False)
        problem(api.get(CASES), 401, "authentication_failed")

    def test_nobody_is_ever_sent_to_the_login_page(self, anonymous: APIClient) -> None:
        for address in addresses():
            for method in ("get", "post"):
                assert getattr(anonymous, method)(re.sub(r"{\w+}", "1", address)).status_code in (401, 405)
        assert anonymous.get("/api/schema/").status_code == 401


class TestProblems:
    @pytest.mark.parametrize("method", ["get", "post", "put", "delete"])
    @pytest.mark.parametrize("path", ["/api/", "/api/v1/", "/api/v1/nothing/", "/api/v2/scans/", "/api/v1/scans/x/"])
    def test_unknown_addresses(
        self, api: APIClient, anonymous: APIClient, problem: Any, path: str, method: str
    ) -> None:
        problem(getattr(api, method)(path), 404, "not_found")
        problem(getattr(anonymous, method)(path), 404, "not_found")

    def test_a_missing_slash(self, api: APIClient, problem: Any) -> None:
        response = api.get("/api/v1/cases?q=x")
        assert (response.status_code, response["Location"]) == (301, "/api/v1/cases/?q=x")
        assert "/api/v1/scans/" in problem(api.post("/api/v1/scans"), 404, "not_found")["detail"]

    def test_a_host_that_is_not_ours(self, api: APIClient, problem: Any) -> None:
        problem(api.get(CASES, HTTP_HOST="evil.example"), 400, "bad_request")

    def test_the_unexpected(self, api: APIClient, monkeypatch: pytest.MonkeyPatch, problem: Any) -> None:
        def broken(*_: Any) -> None:
            raise RuntimeError("secret words")

        monkeypatch.setattr("diagnosis.access.selectors.cases", broken)
        with pytest.raises(RuntimeError):  # error monitors hear of it
            api.get(CASES)
        api.raise_request_exception = False
        body = problem(api.get(CASES), 500, "internal")
        assert "secret" not in str(body)

    def test_the_unexpected_around_a_view(self, api: APIClient, monkeypatch: pytest.MonkeyPatch, problem: Any) -> None:
        monkeypatch.setattr("rest_framework.renderers.JSONRenderer.render", lambda *_, **__: 1 / 0)
        api.raise_request_exception = False
        problem(api.get(CASES), 500, "internal")

    def test_a_database_that_is_away(self, api: APIClient, monkeypatch: pytest.MonkeyPatch, problem: Any) -> None:
        def away(*_: Any) -> None:
            raise OperationalError("no connection")

        monkeypatch.setattr("diagnosis.access.selectors.cases", away)
        response = api.get(CASES)
        problem(response, 503, "unavailable")
        assert int(response["Retry-After"]) > 0

    def test_every_problem_names_its_request(self, api: APIClient, problem: Any) -> None:
        response = api.get("/api/v1/cases/99999/")
        body = problem(response, 404, "not_found")
        assert body["request_id"] == response["X-Request-ID"] != ""
        assert body["instance"] == "/api/v1/cases/99999/"

    def test_html_is_not_to_be_had(self, api: APIClient, problem: Any) -> None:
        problem(api.get(CASES, HTTP_ACCEPT="text/html"), 406, "not_acceptable")

    def test_options_tells_the_verbs(self, api: APIClient) -> None:
        response = api.options("/api/v1/scans/")
        assert response.status_code == 200
        assert "POST" in response["Allow"]

    def test_pages_keep_their_own_errors(self, as_user: Client) -> None:
        response = as_user.get("/no-such-page/")
        assert response.status_code == 404
        assert response["Content-Type"].startswith("text/html")


class TestLimits:
    def test_too_often_is_429(self, api: APIClient, monkeypatch: pytest.MonkeyPatch, problem: Any) -> None:
        monkeypatch.setattr(UserThrottle, "rate", "2/day", raising=False)
        assert [api.get(CASES).status_code for _ in range(2)] == [200, 200]
        response = api.get(CASES)
        problem(response, 429, "throttled")
        assert 0 < int(response["Retry-After"]) <= 86_400

    def test_each_person_for_themselves(
        self, api: APIClient, login: Any, other_user: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(UserThrottle, "rate", "1/day", raising=False)
        assert api.get(CASES).status_code == 200
        assert login(other_user).get(CASES).status_code == 200

    def test_a_busy_script_passes(self, api: APIClient) -> None:
        assert {api.get("/api/v1/models/").status_code for _ in range(300)} == {200}

    @pytest.mark.parametrize("fault", [redis.ConnectionError("down"), redis.TimeoutError("slow"), OSError("gone")])
    def test_without_a_cache_everything_works(
        self, api: APIClient, monkeypatch: pytest.MonkeyPatch, fault: Exception
    ) -> None:
        asked = []

        class Away:
            def add(self, *_: Any, **__: Any) -> None:
                asked.append(1)
                raise fault

        monkeypatch.setattr(UserThrottle, "_asked_again_at", 0.0)
        monkeypatch.setattr("diagnosis.api.throttling.cache", Away())
        assert [api.get(CASES).status_code for _ in range(3)] == [200, 200, 200]
        assert len(asked) == 1  # the dead server is not asked by every request

    def test_a_counter_that_was_evicted(self, api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
        class Forgetful:
            def add(self, *_: Any, **__: Any) -> bool:
                return False

            def incr(self, key: str) -> int:
                raise ValueError(f"Key {key!r} not found")

        monkeypatch.setattr("diagnosis.api.throttling.cache", Forgetful())
        assert api.get(CASES).status_code == 200


class TestDescription:
    def test_the_schema_is_valid_and_free_of_warnings(self, tmp_path: Path) -> None:
        call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yml"))

    def test_every_operation_describes_its_problems(self, api: APIClient) -> None:
        schema = api.get("/api/schema/", HTTP_ACCEPT="application/json").json()
        assert sorted(schema["paths"]) == addresses()
        for path, operations in schema["paths"].items():
            for verb, operation in operations.items():
                answers = operation["responses"]
                assert {"401", "429", "500"} <= answers.keys(), (verb, path)
                for status, answer in answers.items():
                    media = set(answer["content"])
                    assert media == {"application/problem+json"} if int(status) >= 400 else media, (verb, path)

    def test_the_api_browser_loads_nothing_from_elsewhere(self, as_user: Client) -> None:
        page = as_user.get("/api/docs/")
        script = as_user.get("/api/docs/?script=")
        assert (page.status_code, script.status_code) == (200, 200)
        assert script["Content-Type"].startswith("application/javascript")
        html = page.content.decode()
        assert "//" not in "".join(re.findall(r'(?:src|href)="([^"]+)"', html))
        # The policy allows no inline script, so there must be none.
        assert "script-src" not in page["Content-Security-Policy"]
        assert "default-src 'self'" in page["Content-Security-Policy"]
        assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", html))
        assert "http" not in script.content.decode().replace('"http"', "")

    def test_the_api_browser_is_a_page_and_asks_for_a_login(self, client: Client) -> None:
        response = client.get("/api/docs/")
        assert (response.status_code, response["Location"]) == (302, "/login/?next=/api/docs/")


class TestDocumentation:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8") if (ROOT / "docs" / "api.md").is_file() else ""

    def test_every_address_is_named(self) -> None:
        named = set(re.findall(r"/api/[\w/{}.-]*", self.text))
        missing = [a for a in [*addresses(), "/api/schema/", "/api/docs/"] if a not in named]
        assert not missing

    def test_no_address_is_named_that_is_not_there(self) -> None:
        named = {
            re.sub(r"(?<!slices)/\d+/", "/{id}/", address) for address in re.findall(r"/api/v1/[\w/{}-]*/", self.text)
        }
        assert named <= set(addresses()) | {"/api/v1/"}
