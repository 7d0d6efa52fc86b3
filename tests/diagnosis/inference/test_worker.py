"""What a worker does besides tasks."""

import time

import pytest
import threadpoolctl
from celery.signals import task_prerun
from django.conf import settings
from django.db import connections

from diagnosis.inference import heartbeats, worker
from diagnosis.inference.leases import Keeper
from diagnosis.models import Case, Heartbeat
from ml.contracts import ModelUnavailable


def test_a_broken_connection_is_not_used_for_the_next_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """Celery would close the connection around each task; here it stays, so somebody has to look whether it lives."""
    looked: list[bool] = []
    monkeypatch.setattr(worker, "close_old_connections", lambda: looked.append(True))
    task_prerun.send(sender=None, task_id="1", task=None)
    assert looked == [True]
    assert settings.CELERY_DB_REUSE_MAX > 1
    assert settings.DATABASES["default"]["CONN_MAX_AGE"] > 0


@pytest.fixture
def closed(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Grows when the connection is closed. It is in no transaction: there it would stay, whatever its state."""
    closed: list[bool] = []
    connection = connections["default"]
    connection.ensure_connection()
    monkeypatch.setattr(connection, "close_at", time.monotonic() + 60)
    monkeypatch.setattr(connection, "close", lambda: closed.append(True))
    return closed


def test_a_good_connection_stays(closed: list[bool]) -> None:
    worker.close_broken_connections()
    assert closed == []
    assert Case.objects.count() == 0


def test_an_old_connection_is_closed(closed: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections["default"], "close_at", time.monotonic() - 1)
    worker.close_broken_connections()
    assert closed == [True]


def test_a_connection_that_broke_is_closed(closed: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    connection = connections["default"]
    monkeypatch.setattr(connection, "errors_occurred", True)  # as after a failed query
    worker.close_broken_connections()
    assert closed == []  # it still answers: it was the query's fault
    monkeypatch.setattr(connection, "errors_occurred", True)
    monkeypatch.setattr(connection, "is_usable", lambda: False)
    worker.close_broken_connections()
    assert closed == [True]


def test_numpys_threads_do_not_wait_on_the_cores_of_the_next_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise ModelUnavailable("model_missing", "No model.")

    monkeypatch.setattr("diagnosis.inference.model_versions.load_active", missing)
    monkeypatch.setattr(heartbeats, "report", lambda **_: None)
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        worker.load_model_first()
        assert {pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"} == {1}


@pytest.mark.django_db
def test_a_pool_process_beats_from_its_start_and_signs_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Keeper, "start", lambda self: None)
    monkeypatch.setattr(Keeper, "join", lambda self: None)
    worker.keep_leases()
    assert Heartbeat.objects.get().pk == heartbeats.current()
    worker.sign_off()
    assert heartbeats.current() is None and not Heartbeat.objects.exists()


def test_what_became_of_the_model_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise ModelUnavailable("model_missing", "No model.")

    reported: list[dict[str, str]] = []
    monkeypatch.setattr(heartbeats, "report", lambda **facts: reported.append(facts))
    monkeypatch.setattr("diagnosis.inference.model_versions.load_active", missing)
    worker.load_model_first()
    assert reported == [{"model": "", "problem": "No model."}]
