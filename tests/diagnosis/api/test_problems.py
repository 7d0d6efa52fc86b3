"""Errors as problem details."""

from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from rest_framework.test import APIClient

CASES = "/api/v1/cases/"
pytestmark = pytest.mark.django_db


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

    def test_an_unexpected_error_is_a_500_without_its_text(
        self, api: APIClient, monkeypatch: pytest.MonkeyPatch, problem: Any
    ) -> None:
        def broken(*_: Any) -> None:
            raise RuntimeError("secret words")

        monkeypatch.setattr("diagnosis.access.selectors.cases", broken)
        with pytest.raises(RuntimeError):  # error monitors hear of it
            api.get(CASES)
        api.raise_request_exception = False
        body = problem(api.get(CASES), 500, "internal")
        assert "secret" not in str(body)

    def test_an_unexpected_error_outside_a_view_is_a_500(
        self, api: APIClient, monkeypatch: pytest.MonkeyPatch, problem: Any
    ) -> None:
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

    def test_asking_for_html_is_not_acceptable(self, api: APIClient, problem: Any) -> None:
        problem(api.get(CASES, HTTP_ACCEPT="text/html"), 406, "not_acceptable")

    def test_options_tells_the_verbs(self, api: APIClient) -> None:
        response = api.options("/api/v1/scans/")
        assert response.status_code == 200
        assert "POST" in response["Allow"]

    def test_pages_keep_their_own_errors(self, as_user: Client) -> None:
        response = as_user.get("/no-such-page/")
        assert response.status_code == 404
        assert response["Content-Type"].startswith("text/html")
