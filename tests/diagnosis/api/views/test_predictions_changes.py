"""Retry and cancel over the API."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from diagnosis.models import AuditEvent, Prediction
from tests.factories import PredictionFactory

URL = "/api/v1/predictions/"


def test_retry_queues_again(api: APIClient, failed: Prediction, model_version: Any, sent: list[int]) -> None:
    response = api.post(f"{URL}{failed.pk}/retry/")
    assert response.status_code == 202
    body = response.json()
    assert (body["state"], body["error"], body["attempts"], body["position"]) == ("queued", None, 0, 1)
    assert body["model"] == model_version.label
    assert AuditEvent.objects.filter(action="prediction.retried", target_id=str(failed.pk)).exists()


def test_cancel(api: APIClient, queued: Prediction) -> None:
    response = api.post(f"{URL}{queued.pk}/cancel/")
    assert response.status_code == 200
    assert response.json()["state"] == "canceled"


def test_cancel_while_running(api: APIClient, user: User) -> None:
    running = PredictionFactory(scan__case__owner=user, state="running")
    assert api.post(f"{URL}{running.pk}/cancel/").json()["state"] == "canceled"


@pytest.mark.parametrize(
    ("state", "verb"),
    [
        ("queued", "retry"),
        ("running", "retry"),
        ("done", "retry"),
        ("refused", "retry"),
        ("done", "cancel"),
        ("refused", "cancel"),
        ("failed", "cancel"),
        ("canceled", "cancel"),
    ],
)
def test_changes_that_the_state_forbids(api: APIClient, user: User, problem: Any, state: str, verb: str) -> None:
    one = PredictionFactory(scan__case__owner=user, state=state)
    body = problem(api.post(f"{URL}{one.pk}/{verb}/"), 409, "wrong_state")
    assert state in body["detail"]
    one.refresh_from_db()
    assert one.state == state


@pytest.mark.parametrize("verb", ["retry", "cancel"])
def test_wrong_verb(api: APIClient, done: Prediction, problem: Any, verb: str) -> None:
    response = api.get(f"{URL}{done.pk}/{verb}/")
    problem(response, 405, "method_not_allowed")
    assert "POST" in response["Allow"]


@pytest.mark.parametrize(("state", "verb"), [("failed", "retry"), ("queued", "cancel")])
def test_readers_see_and_change_nothing(
    login: Any, reader: User, user: User, problem: Any, state: str, verb: str
) -> None:
    one = PredictionFactory(scan__case__owner=user, state=state)
    client = login(reader)
    assert client.get(f"{URL}{one.pk}/").status_code == 200
    assert client.get(URL).json()["count"] == 1
    problem(client.post(f"{URL}{one.pk}/{verb}/"), 403, "permission_denied")
    one.refresh_from_db()
    assert one.state == state


def test_admins_change_all(login: Any, admin: User, queued: Prediction) -> None:
    assert login(admin).post(f"{URL}{queued.pk}/cancel/").status_code == 200
