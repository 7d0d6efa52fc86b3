"""How often one person may ask."""

from types import SimpleNamespace
from typing import Any

import pytest
import redis
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from diagnosis.api.throttling import UserThrottle

CASES = "/api/v1/cases/"
pytestmark = pytest.mark.django_db


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

    def test_a_busy_script_passes(self, user: User) -> None:
        """Three hundred requests in a row, as the limit sees them."""
        request: Any = SimpleNamespace(user=user)
        assert all(UserThrottle().allow_request(request, view=None) for _ in range(300))

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
