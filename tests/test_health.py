"""Health answers without a login, and tells the truth."""

from typing import Any

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    state: dict[str, Any] = {"ready": True}
    monkeypatch.setattr("diagnosis.inference.broker.broker_status", lambda: state)
    monkeypatch.setattr("diagnosis.inference.broker.worker_status", lambda: {"ready": False, "count": 0, "models": []})
    return state


def test_live_touches_nothing(client: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert client.get("/health/live").json() == {"status": "ok"}


def test_not_ready_without_a_model(client: Client, broker: Any, settings: Any) -> None:
    settings.ML_MODEL = "/nonexistent/model"
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.json()["model"]["ready"] is False
    assert "/nonexistent/model" in response.json()["model"]["problem"]


def test_not_ready_without_the_broker(client: Client, broker: Any) -> None:
    broker.update(ready=False, problem="The broker (Redis) does not answer.")
    response = client.get("/health/ready")
    assert (response.status_code, response.json()["broker"]["ready"]) == (503, False)


def test_ready_with_a_usable_model(client: Client, broker: Any, tmp_path: Any) -> None:
    from diagnosis.inference import model_versions
    from tests.diagnosis.inference.test_model_versions import artifact

    model_versions.activate(version=model_versions.register(path=artifact(tmp_path / "m")))
    response = client.get("/health/ready")
    assert (response.status_code, response.json()["status"]) == (200, "ok")


def test_headers_of_every_answer(client: Client) -> None:
    response = client.get("/health/live")
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]
    assert response.headers["Cache-Control"] == "private, no-store"
    assert response.headers["X-Request-ID"]
