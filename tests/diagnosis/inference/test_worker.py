"""What a worker does besides tasks."""

import re
import subprocess
import sys
import time
from uuid import uuid4

import pytest
import threadpoolctl
from celery.signals import beat_init, before_task_publish, task_prerun
from django.conf import settings
from django.db import connections
from django.utils import timezone

from diagnosis.inference import broker, heartbeats, worker
from diagnosis.inference.leases import Keeper
from diagnosis.inference.self_check import SelfCheck
from diagnosis.models import Case, Heartbeat
from diagnosis.models.heartbeat import Role
from tests.queue import Queue

_POOL = """
import gc, os
from brainscan.celery import app
app.loader.import_default_modules()
from billiard.pool import Pool
from celery.concurrency.asynpool import AsynPool

def fork(self, index):
    pid = os.fork()
    if pid == 0:
        print("looks at", len(gc.get_objects()), "of", len(gc.get_objects()) + gc.get_freeze_count(), flush=True)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0

Pool._create_worker_process = fork  # without the pipes and the life of a pool process
for index in range(2):
    AsynPool._create_worker_process(AsynPool.__new__(AsynPool), index)
os._exit(0)
"""


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
    monkeypatch.setattr(SelfCheck, "first", lambda self: None)
    monkeypatch.setattr(SelfCheck, "start", lambda self: None)
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        worker.load_model_first()
        assert {pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"} == {1}


@pytest.mark.slow
def test_garbage_collection_in_a_pool_process_leaves_alone_what_its_parent_imported() -> None:
    done = subprocess.run([sys.executable, "-c", _POOL], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done
    found = re.findall(r"looks at (\d+) of (\d+)", done.stdout)
    assert len(found) == 2, done
    for looked, held in found:
        assert int(held) > 50_000
        assert int(looked) < 1_000


@pytest.mark.django_db
def test_a_pool_process_beats_from_its_start_and_signs_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Keeper, "start", lambda self: None)
    monkeypatch.setattr(Keeper, "join", lambda self: None)
    worker.keep_leases()
    assert Heartbeat.objects.get().pk == heartbeats.current()
    worker.sign_off()
    assert heartbeats.current() is None and not Heartbeat.objects.exists()


@pytest.mark.django_db
def test_beat_shows_that_it_runs_whenever_it_sends(sent: Queue) -> None:
    Heartbeat.objects.create(id=uuid4(), role=Role.BEAT, process="of an earlier run", seen=timezone.now())
    beat_init.send(sender=None)
    try:
        row = Heartbeat.objects.get()
        assert (row.role, row.pk) == (Role.BEAT, heartbeats.current())
        broker.send(7)
        assert Heartbeat.objects.get().seen > row.seen
    finally:
        before_task_publish.disconnect(worker._beat_lives)
        heartbeats._Own.id = None
