"""Old and new workers on one queue: a prediction whose model a worker lacks goes on, and does not fail for that."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from diagnosis.inference import pipeline, rolling_upgrade, transitions, worker
from diagnosis.inference.tasks import run_prediction
from diagnosis.models import Heartbeat, Prediction, SliceResult
from diagnosis.models.heartbeat import Role
from ml.contracts import ModelUnavailable
from tests.factories import ModelVersionFactory, PredictionFactory
from tests.fakes import fake_model
from tests.queue import Queue

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(rolling_upgrade._Start, "newest", None)
    yield


@pytest.fixture(params=["model_missing", "manifest_invalid", "preprocessing_mismatch", "model_changed"])
def unreadable(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a worker finds in an artifact of another version, or in place of one."""

    def load(_: Any) -> None:
        raise ModelUnavailable(request.param, "This version cannot read it.")

    monkeypatch.setattr("diagnosis.inference.model_versions.load", load)


def living(*, model: str, problem: str = "") -> None:
    """Another worker process that says which model it has."""
    fields = {"model": model, "problem": problem, "seen": timezone.now()}
    Heartbeat.objects.create(id=uuid4(), role=Role.WORKER, process="elsewhere:1", **fields)


def fresh(prediction: Prediction) -> Prediction:
    return Prediction.objects.get(pk=prediction.pk)


@pytest.mark.usefixtures("unreadable")
def test_a_newer_version_is_left_to_newer_workers(commit: Callable[..., Any], sent: Queue) -> None:
    rolling_upgrade.note_start()
    queued, before = PredictionFactory(state="queued", model_version=ModelVersionFactory(active=True)), timezone.now()
    for _ in range(5):  # more often than a prediction may fail
        commit(pipeline.run, prediction_id=queued.pk)
    left = fresh(queued)
    assert (left.state, left.attempts, left.started, left.worker) == ("queued", 0, None, None)
    assert [message.prediction_id for message in sent.messages()] == [queued.pk] * 5
    later = sent.messages()[0].not_before
    assert later is not None and later > before + timedelta(seconds=1)  # else a worker that is alone would spin


@pytest.mark.usefixtures("unreadable")
def test_a_model_that_another_worker_has_is_left_to_that_worker(commit: Callable[..., Any], sent: Queue) -> None:
    version = ModelVersionFactory(active=True)
    living(model=version.label)
    queued = PredictionFactory(state="queued", model_version=version)
    commit(pipeline.run, prediction_id=queued.pk)
    assert (fresh(queued).state, fresh(queued).attempts, list(sent)) == ("queued", 0, [queued.pk])


@pytest.mark.usefixtures("unreadable")
@pytest.mark.parametrize("problem", ["", "The weights are damaged."])
def test_a_model_that_no_worker_has_fails_with_the_reason(problem: str) -> None:
    version = ModelVersionFactory(active=True)
    rolling_upgrade.note_start()
    living(model="another@123456789012" if not problem else version.label, problem=problem)
    queued = PredictionFactory(state="queued", model_version=version)
    pipeline.run(prediction_id=queued.pk)
    assert (fresh(queued).state, fresh(queued).error) == ("failed", "This version cannot read it.")


@pytest.mark.usefixtures("unreadable")
def test_a_model_that_was_replaced_gives_its_queue_to_the_next(commit: Callable[..., Any], sent: Queue) -> None:
    old = PredictionFactory(state="queued", progress=3)
    version = ModelVersionFactory(active=True)
    commit(pipeline.run, prediction_id=old.pk)
    moved = fresh(old)
    assert (moved.state, moved.attempts, moved.progress, moved.model_version) == ("queued", 0, 0, version)
    assert not SliceResult.objects.filter(prediction=old).exists()
    assert list(sent) == [old.pk]


@pytest.mark.usefixtures("unreadable")
def test_where_the_scan_has_a_run_of_the_next_model_the_old_one_ends() -> None:
    old, version = PredictionFactory(state="queued"), ModelVersionFactory(active=True)
    live = PredictionFactory(state="done", scan=old.scan, model_version=version)
    pipeline.run(prediction_id=old.pk)
    assert (fresh(old).state, fresh(live).state) == ("failed", "done")


@pytest.mark.parametrize("change", ["hand_over", "replace_model"])
def test_a_claim_that_is_lost_changes_nothing(change: str) -> None:
    version = ModelVersionFactory(active=True)
    queued = PredictionFactory(state="queued", model_version=version)
    claimed = transitions.claim(queued.pk)
    assert claimed is not None
    transitions.cancel(claimed, actor=queued.owner)
    arguments: dict[str, Any] = {} if change == "hand_over" else {"by": version}
    assert getattr(transitions, change)(claimed, **arguments) is False
    assert fresh(queued).state == "canceled"


def test_a_message_of_a_later_version_may_say_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diagnosis.inference.model_versions.load", lambda version: fake_model())
    queued = PredictionFactory(state="queued")
    run_prediction(prediction_id=queued.pk, priority="urgent", region=[1, 2])
    assert fresh(queued).state == "done"


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL cannot put its checks aside")
def test_a_state_of_a_later_version_is_left_alone() -> None:
    long_ago = timezone.now() - timedelta(hours=1)
    row = PredictionFactory(state="queued", queued=long_ago)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA ignore_check_constraints = ON")
        cursor.execute("UPDATE diagnosis_prediction SET state = 'waiting', worker = %s", [uuid4().hex])
        cursor.execute("PRAGMA ignore_check_constraints = OFF")
    assert (transitions.claim(row.pk), transitions.claim_next(), transitions.take_over()) == (None, None, 0)
    assert transitions.sweep() == 0
    assert not pipeline.run(prediction_id=row.pk)
    assert (fresh(row).state, fresh(row).attempts) == ("waiting", 0)


@pytest.mark.parametrize("end", ["complete", "cancel", "trash", "lost"])
def test_an_ended_run_names_no_worker(end: str) -> None:
    """A worker of a version before heartbeats leaves the column as it is: a name that stood there from an earlier run,
    of a process long gone, would have its claim taken over."""
    row = PredictionFactory(state="running", worker=uuid4(), attempts=9)
    if end == "complete":
        transitions.fail(row, code="internal", message="It failed.")
    elif end == "cancel":
        transitions.cancel(row, actor=row.owner)
    elif end == "trash":
        transitions.cancel_deleted(Prediction.objects.filter(pk=row.pk))
    else:
        transitions.take_over()
    assert (fresh(row).state, fresh(row).worker) == ("canceled" if end in ("cancel", "trash") else "failed", None)


def test_a_worker_notes_at_its_start_which_versions_there_are() -> None:
    version = ModelVersionFactory()
    worker.note_versions()
    assert rolling_upgrade._Start.newest == version.pk
