"""What a worker does besides tasks."""

from typing import Any

import pytest
import threadpoolctl
from celery.signals import task_prerun
from django.conf import settings

from diagnosis import worker
from ml.contracts import ModelUnavailable


def test_a_broken_connection_is_not_used_for_the_next_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """Celery would close the connection around each task; here it stays, so somebody has to look whether it lives."""
    looked: list[bool] = []
    monkeypatch.setattr(worker, "close_old_connections", lambda: looked.append(True))
    task_prerun.send(sender=None, task_id="1", task=None)
    assert looked == [True]
    assert settings.CELERY_DB_REUSE_MAX > 1
    assert settings.DATABASES["default"]["CONN_MAX_AGE"] > 0


@pytest.mark.django_db
def test_the_database_answers_after_it(django_assert_num_queries: Any) -> None:
    from diagnosis.models import Case

    worker.look_after_the_database()
    with django_assert_num_queries(1):
        assert Case.objects.count() == 0


def test_numpys_threads_do_not_wait_on_the_cores_of_the_next_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise ModelUnavailable("model_missing", "No model.")

    monkeypatch.setattr("diagnosis.model_versions.load_active", missing)
    monkeypatch.setattr("diagnosis.queue.report_worker", lambda **_: None)
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        worker.load_model_first()
        assert {pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"} == {1}
