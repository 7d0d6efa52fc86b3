"""Health answers without a login, and tells the truth."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

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


def test_ready_with_a_usable_model(client: Client, tmp_path: Any) -> None:
    model_versions.activate(version=model_versions.register(path=artifact(tmp_path / "m")))
    response = client.get("/health/ready")
    assert (response.status_code, response.json()["status"]) == (200, "ok")
    assert response.json()["worker"]["count"] == 0  # uploads are taken all the same


def test_it_tells_which_model_a_worker_has_loaded(client: Client) -> None:
    Heartbeat.objects.create(id=uuid4(), role="worker", process="host:1", seen=timezone.now(), model="vgg16@abc")
    worker = client.get("/health/ready").json()["worker"]
    assert worker == {"ready": True, "count": 1, "models": ["vgg16@abc"]}


def test_headers_of_every_answer(client: Client) -> None:
    response = client.get("/health/live")
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]
    assert response.headers["Cache-Control"] == "private, no-store"
    assert response.headers["X-Request-ID"]
