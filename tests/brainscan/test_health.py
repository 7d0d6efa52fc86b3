"""Health answers without a login, and tells the truth."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.html import escape

from diagnosis.inference import model_versions
from diagnosis.models import Heartbeat
from tests.diagnosis.inference.test_model_versions import artifact

pytestmark = pytest.mark.django_db


def test_live_touches_nothing(client: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert client.get("/health/live").json() == {"status": "ok"}


def test_not_ready_without_a_model(client: Client, settings: Any) -> None:
    settings.ML_MODEL = "/nonexistent/model"
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.json()["model"]["ready"] is False
    assert "/nonexistent/model" in response.json()["model"]["problem"]


def test_not_ready_without_the_broker(client: Client, broker_down: None) -> None:
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.json()["broker"] == {"ready": False, "problem": "The broker (Redis) does not answer."}


def test_ready_once_everything_is_there_and_it_says_what_is_not(
    client: Client, admin_client: Client, tmp_path: Any
) -> None:
    def not_ready() -> set[str]:
        response = client.get("/health/ready")
        missing = {name: part for name, part in response.json().items() if name != "status" and not part["ready"]}
        assert response.status_code == (503 if missing else 200)
        assert response.json()["status"] == ("unavailable" if missing else "ok")
        page = admin_client.get("/admin/").content.decode()
        assert all(escape(part["problem"]) in page for part in missing.values())
        assert ("Database, broker, model, worker and beat are ready." in page) is not bool(missing)
        return set(missing)

    assert not_ready() == {"model", "worker", "beat"}
    model_versions.activate(version=model_versions.register(path=artifact(tmp_path / "m")))
    assert not_ready() == {"worker", "beat"}
    now = timezone.now()
    Heartbeat.objects.create(id=uuid4(), role="beat", process="host:1", seen=now)
    assert not_ready() == {"worker"}
    Heartbeat.objects.create(id=uuid4(), role="worker", process="host:2", seen=now, model="vgg16@abc")
    assert not_ready() == set()
    assert client.get("/health/ready").json()["worker"] == {"ready": True, "count": 1, "models": ["vgg16@abc"]}
    Heartbeat.objects.filter(role="worker").update(problem="weights.safetensors is damaged: its digest is wrong.")
    assert not_ready() == {"worker"}


def test_headers_of_every_answer(client: Client) -> None:
    response = client.get("/health/live")
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "unsafe" not in policy
    assert "camera=()" in response.headers["Permissions-Policy"]
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert response.headers["Cache-Control"] == "private, no-store"
    assert response.headers["X-Request-ID"]
