"""What a dead worker held is taken over, what a living one holds is not, and a late result changes nothing."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import InternalError, OperationalError, connection
from django.utils import timezone

from diagnosis.inference import heartbeats, image_files, pipeline, transitions
from diagnosis.inference.heartbeats import MAX_MISSED
from diagnosis.inference.leases import Keeper
from diagnosis.models import Embedding, Heartbeat, Prediction
from diagnosis.models.prediction import State
from tests.factories import ModelVersionFactory, PredictionFactory
from tests.queue import Queue

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _none_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(connection, "close", lambda: None)  # it is the test's
    yield
    heartbeats._Own.id, heartbeats._Own.facts = None, {}


class Process:
    """Another worker process, at whose turn the tests claim and beat."""

    def __init__(self) -> None:
        self.id: UUID | None = None

    def __enter__(self) -> None:
        self._outer, heartbeats._Own.id = heartbeats._Own.id, self.id

    def __exit__(self, *_: object) -> None:
        self.id, heartbeats._Own.id = heartbeats._Own.id, self._outer

    def beat(self) -> None:
        with self:
            heartbeats.beat()

    def claim(self, prediction: Prediction) -> Prediction:
        with self:
            claimed = transitions.claim(prediction.pk)
        assert claimed is not None and claimed.worker == self.id
        return claimed


def fresh(prediction: Prediction) -> Prediction:
    return Prediction.objects.get(pk=prediction.pk)


def test_only_the_claims_of_dead_workers_are_taken_over(sent: Queue, commit: Any) -> None:
    dead, living, keeper = Process(), Process(), Keeper()
    dead.beat()
    held = dead.claim(PredictionFactory(state="queued"))
    others = []
    for look in range(MAX_MISSED + 1):
        living.beat()
        others.append(living.claim(PredictionFactory(state="queued")))
        commit(keeper.tick)
        assert fresh(held).state == (State.RUNNING if look < MAX_MISSED else State.QUEUED)
    assert list(sent) == [held.pk]
    assert {fresh(other).state for other in others} == {State.RUNNING}
    assert (fresh(held).worker, fresh(held).attempts) == (None, 1)


def test_a_late_result_loses_against_the_newer_claim(sent: Queue, commit: Any) -> None:
    paused, other, keeper = Process(), Process(), Keeper()
    paused.beat()
    late = paused.claim(PredictionFactory(state="queued"))
    for _ in range(MAX_MISSED + 1):
        commit(keeper.tick)
    other.beat()
    newer = other.claim(late)
    result = {"state": State.DONE, "outcome": "no_tumor", "vector": bytes(128)}
    with paused:  # it goes on where it stood
        commit(transitions.complete, late, tumor_probability=0.9, **result)
        assert not transitions.release(late, send=True) and not transitions.record_progress(late, slices=1)
    assert (fresh(late).state, fresh(late).worker, list(sent)) == (State.RUNNING, other.id, [late.pk])
    with other:
        commit(transitions.complete, newer, tumor_probability=0.1, **result)
    assert (fresh(late).tumor_probability, fresh(late).attempts) == (0.1, 2)
    assert Embedding.objects.count() == 1


def test_a_prediction_lost_too_often_fails_with_the_reason(commit: Any, settings: Any) -> None:
    lost = PredictionFactory(state="running", worker=uuid4(), attempts=settings.TASK_MAX_ATTEMPTS)
    commit(Keeper().tick)
    assert (fresh(lost).state, fresh(lost).error_code) == ("failed", "worker_lost")


@pytest.mark.parametrize("state", ["queued", "done", "refused", "failed", "canceled"])
def test_ended_predictions_of_a_dead_worker_stay(state: str, sent: Queue, commit: Any, settings: Any) -> None:
    ended = PredictionFactory(state=state, worker=uuid4(), attempts=settings.TASK_MAX_ATTEMPTS)
    commit(Keeper().tick)
    assert (fresh(ended).state, fresh(ended).error_code, len(sent)) == (state, ended.error_code, 0)


def test_a_living_worker_may_take_longer_than_a_task_may(sent: Queue, commit: Any) -> None:
    """Its heartbeat says more than the clock does."""
    living = Process()
    living.beat()
    held = living.claim(PredictionFactory(state="queued"))
    Prediction.objects.filter(pk=held.pk).update(started=timezone.now() - timedelta(days=1))
    commit(transitions.sweep)
    assert (fresh(held).state, len(sent)) == (State.RUNNING, 0)


def test_a_worker_whose_own_heartbeat_fails_takes_nothing_over(monkeypatch: pytest.MonkeyPatch, commit: Any) -> None:
    other, keeper = Process(), Keeper()
    other.beat()
    held = other.claim(PredictionFactory(state="queued"))
    beat = heartbeats.beat

    def locked() -> None:
        raise OperationalError("database is locked")

    for round_ in range(3 * MAX_MISSED):
        monkeypatch.setattr(heartbeats, "beat", locked if round_ % MAX_MISSED == 0 else beat)
        commit(keeper.tick)
    assert fresh(held).state == State.RUNNING
    assert other.id is not None and Heartbeat.objects.filter(pk=other.id).exists()


def test_a_claim_stamped_in_the_future_is_no_reason_to_wait(sent: Queue, commit: Any) -> None:
    """A clock was set back after it: neither a claim with a heartbeat waits, nor one without."""
    ahead = timezone.now() + timedelta(days=1)
    held = PredictionFactory(state="running", started=ahead, worker=uuid4())
    without = PredictionFactory(state="running", started=ahead)
    commit(Keeper().tick)
    assert list(sent) == [held.pk]
    commit(transitions.sweep)
    assert sorted(sent) == [held.pk, without.pk]


def test_the_thread_beats_until_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeats, "INTERVAL", 0.001)
    keeper, beats = Keeper(), []

    def tick() -> None:
        beats.append(1)
        if len(beats) == 3:
            keeper._over.set()

    monkeypatch.setattr(keeper, "tick", tick)
    keeper.start()
    keeper.stop()
    assert len(beats) <= 3 and not keeper.is_alive()


def test_a_claim_that_could_not_be_released_is_taken_over_by_its_own_process(
    commit: Any, sent: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database goes away during a run and comes back. The process lives on, and so would its claim."""
    row, keeper = PredictionFactory(state="queued"), Keeper()
    heartbeats.report(model="vgg16@abc")
    keeper.tick()

    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("the server closed the connection")

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "_process", away)
        patch.setattr(transitions, "release", away)
        with pytest.raises(OperationalError):
            pipeline.run(prediction_id=row.pk)
    assert fresh(row).state == State.RUNNING
    assert heartbeats.current() is None
    assert not pipeline.run(prediction_id=row.pk)  # the task's retry finds it claimed
    assert heartbeats.current() not in (None, fresh(row).worker)  # what is claimed from now on has a holder
    for _ in range(MAX_MISSED + 2):
        commit(keeper.tick)
    assert (fresh(row).state, fresh(row).worker) == (State.QUEUED, None)
    assert Heartbeat.objects.get().model == "vgg16@abc"


@pytest.mark.parametrize(
    "error", [InternalError("cannot execute UPDATE in a read-only transaction"), SoftTimeLimitExceeded()]
)
def test_a_claim_that_could_neither_be_ended_nor_released_is_taken_over(
    error: Exception, commit: Any, sent: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database becomes a read-only standby for a while, or the time is over while a failure is recorded."""
    row, keeper = PredictionFactory(state="queued"), Keeper()
    keeper.tick()

    def refuse(*_: Any, **__: Any) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(transitions, "complete", refuse)
        with pytest.raises(type(error)):
            pipeline.run(prediction_id=row.pk)
    assert fresh(row).state == State.RUNNING
    for _ in range(MAX_MISSED + 2):
        commit(keeper.tick)
    assert (fresh(row).state, fresh(row).worker, list(sent)) == (State.QUEUED, None, [row.pk])


def test_a_storage_that_is_away_costs_no_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    row, keeper = PredictionFactory(state="queued"), Keeper()
    keeper.tick()
    before = heartbeats.current()

    def away(*_: Any) -> None:
        raise image_files.StorageUnavailable("gone")

    monkeypatch.setattr(pipeline, "_process", away)
    with pytest.raises(image_files.StorageUnavailable):
        pipeline.run(prediction_id=row.pk)
    assert (fresh(row).state, heartbeats.current()) == (State.QUEUED, before)


@pytest.mark.parametrize("failing", ["release", "claim"])
def test_what_a_batch_has_claimed_and_could_not_give_back_is_taken_over(
    failing: str, commit: Any, sent: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is locked for a moment. The run had another's message, so no error tells of it."""
    version, keeper = ModelVersionFactory(), Keeper()
    faults: list[Any] = []
    rows = [PredictionFactory(state="queued", model_version=version) for _ in range(3)]
    original = getattr(transitions, failing)

    def locked_once(claimed: Any, **named: Any) -> Any:
        if failing == "claim" and claimed != rows[2].pk:
            return original(claimed, **named)
        if faults:
            return original(claimed, **named)
        faults.append(failing == "claim" and original(claimed, **named))
        raise OperationalError("database is locked")

    def analyze_each(model: Any, sources: Any) -> Iterator[Any]:
        yield from sources
        raise OperationalError("database is locked")

    keeper.tick()
    monkeypatch.setattr(transitions, failing, locked_once)
    monkeypatch.setattr("ml.analyze_each", lambda model, sources: iter([*analyze_each(model, sources)]))
    monkeypatch.setattr("diagnosis.inference.model_versions.load", lambda version: None)
    commit(pipeline.run, prediction_id=0)
    assert faults and State.RUNNING in {fresh(row).state for row in rows}
    for _ in range(MAX_MISSED + 2):
        commit(keeper.tick)
    assert {fresh(row).state for row in rows} == {State.QUEUED}
    assert sorted(sent) == [row.pk for row in rows]
