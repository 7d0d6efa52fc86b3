"""Every change of a prediction's state: conditional, and audited where a person asked for it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from diagnosis.inference import heartbeats, transitions
from diagnosis.models import AuditEvent, Embedding, Prediction, Slice
from diagnosis.models.prediction import State
from tests.factories import ModelVersionFactory, PredictionFactory, ScanFactory
from tests.queue import Queue

LATER = timedelta(minutes=5)


def fresh(prediction: Prediction) -> Prediction:
    return Prediction.objects.get(pk=prediction.pk)


@pytest.mark.django_db
@pytest.mark.parametrize("debounce", [None, LATER])
def test_create_queues_and_sends(user: Any, sent: Queue, commit: Any, debounce: timedelta | None) -> None:
    scan, version = ScanFactory(case__owner=user), ModelVersionFactory()
    created = commit(transitions.create, scan, model_version=version, requested_by=user, debounce=debounce)
    assert (fresh(created).state, created.model_version, created.requested_by) == ("queued", version, user)
    [message] = sent.messages()
    assert message.prediction_id == created.pk
    if debounce is None:
        assert created.not_before is None and message.not_before is None
    else:
        assert created.not_before - created.queued == LATER
        assert timedelta(0) < message.not_before - created.not_before < timedelta(seconds=1)


@pytest.mark.django_db
@pytest.mark.parametrize(("state", "moves"), [("queued", True), ("running", True), ("done", False), ("failed", False)])
def test_postpone_moves_only_what_is_active(state: str, moves: bool) -> None:
    prediction, until = PredictionFactory(state=state), timezone.now() + LATER
    assert transitions.postpone(prediction, until=until) is moves
    assert fresh(prediction).not_before == (until if moves else None)


@pytest.mark.django_db
def test_reopen_forgets_the_result_and_audits_it(user: Any, sent: Queue, commit: Any) -> None:
    earlier = PredictionFactory()
    done = PredictionFactory(reused_from=earlier, attempts=3, trained_on=True)
    Embedding.objects.create(prediction=done, model_version=done.model_version, vector=bytes(128))
    due = timezone.now() + LATER
    assert commit(transitions.reopen, done, actor=user, not_before=due)
    again = fresh(done)
    assert (again.state, again.outcome, again.tumor_probability, again.attempts) == ("queued", "", None, 0)
    assert (again.reused_from, again.evidence, again.gate, again.started, again.finished) == (None,) * 5
    assert (again.not_before, again.trained_on) == (due, False)
    assert not Embedding.objects.filter(prediction=done).exists()
    event = AuditEvent.objects.get(action="prediction.reopened")
    assert (event.actor_id, event.target_id) == (user.pk, str(done.pk))
    assert event.details == {"outcome": "tumor", "tumor_probability": done.tumor_probability}
    assert sent == [done.pk]


@pytest.mark.django_db
def test_reopen_leaves_alone_what_changed_after_it_was_read(user: Any, sent: Queue, monkeypatch: Any) -> None:
    done, now = PredictionFactory(), timezone.now()

    def meanwhile() -> datetime:
        Prediction.objects.filter(pk=done.pk).update(state="refused", outcome="refused")
        return now

    monkeypatch.setattr(timezone, "now", meanwhile)  # asked between the read and the update
    assert transitions.reopen(done, actor=user, not_before=now) is False
    assert fresh(done).state == "refused"
    assert sent == [] and not AuditEvent.objects.exists()


@pytest.mark.django_db
def test_a_claim_says_when_it_began_and_which_process_holds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    process, queued, before = uuid4(), PredictionFactory(state="queued"), timezone.now()
    monkeypatch.setattr(heartbeats, "current", lambda: process)
    claimed = transitions.claim(queued.pk)
    assert claimed == queued
    stored = fresh(queued)
    assert (stored.state, stored.attempts, stored.worker) == ("running", 1, process)
    assert stored.started is not None and before <= stored.started <= timezone.now()


def as_queued(prediction: Prediction) -> dict[str, Any]:
    """The columns that a new run starts with. Those of an earlier turn stay until the next result overwrites them."""
    columns = Prediction.objects.filter(pk=prediction.pk).values().get()
    own = {"id", "scan_id", "scan_name", "case_reference", "model_version_id", "searched", "created"}
    left = {"engine", "milliseconds", "progress"}
    return {name: value for name, value in columns.items() if name not in own | left}


@pytest.mark.django_db
def test_a_run_that_starts_again_keeps_nothing_of_the_earlier_one(user: Any) -> None:
    scan = ScanFactory(case__owner=user, frames=2)
    key = Slice.objects.create(scan=scan, index=0, frame=0, pixel_sha256="0" * 64)
    earlier = timezone.now() - LATER
    named = {"queued": earlier, "worker": uuid4()}  # as a version leaves it that knows no names
    done = PredictionFactory(scan=scan, uncertain=True, key_slice=key, series={"key": 0}, **named)
    failed = PredictionFactory(scan__case__owner=user, state="failed", **named)
    new = PredictionFactory(scan__case__owner=user, state="queued")
    now = timezone.now()
    assert transitions.reopen(done, actor=user, not_before=now) and transitions.retry(failed, actor=user)
    expected = as_queued(new)
    for again, not_before in ((as_queued(done), now), (as_queued(failed), None)):
        assert again["queued"] >= now - timedelta(seconds=1)
        assert again == expected | {"queued": again["queued"], "not_before": not_before}


CHANGES: dict[str, tuple[str, Callable[[Prediction, Any], object]]] = {
    "postpone": ("queued", lambda one, user: transitions.postpone(one, until=timezone.now() + LATER)),
    "reopen": ("done", lambda one, user: transitions.reopen(one, actor=user, not_before=timezone.now())),
    "claim": ("queued", lambda one, user: transitions.claim(one.pk)),
    "record_progress": ("running", lambda one, user: transitions.record_progress(one, slices=3)),
    "release": ("running", lambda one, user: transitions.release(one, send=False)),
    "requeue": ("running", lambda one, user: transitions.requeue(one)),
    "complete": (
        "running",
        lambda one, user: transitions.complete(one, state=State.DONE, outcome="no_tumor", tumor_probability=0.1),
    ),
    "fail": ("running", lambda one, user: transitions.fail(one, code="internal", message="No.")),
    "retry": ("failed", lambda one, user: transitions.retry(one, actor=user)),
    "cancel": ("running", lambda one, user: transitions.cancel(one, actor=user)),
}


@pytest.mark.django_db
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_touches_one_prediction(user: Any, sent: Queue, change: str) -> None:
    """Those of the same state, started at the same moment, came first and came last: all stay as they are."""
    state, apply = CHANGES[change]
    queued = timezone.now() - LATER
    _, subject, _ = (PredictionFactory(state=state, queued=queued, progress=1) for _ in range(3))
    others = Prediction.objects.exclude(pk=subject.pk).order_by("pk")
    untouched = list(others.values())
    was = Prediction.objects.filter(pk=subject.pk).values().get()
    apply(fresh(subject), user)
    assert Prediction.objects.filter(pk=subject.pk).values().get() != was
    assert list(others.values()) == untouched


@pytest.mark.django_db
@pytest.mark.parametrize("state", ["queued", "running", "failed", "canceled"])
def test_only_a_result_is_reopened(user: Any, sent: Queue, commit: Any, state: str) -> None:
    prediction = PredictionFactory(state=state)
    assert not commit(transitions.reopen, prediction, actor=user, not_before=timezone.now())
    assert (fresh(prediction).state, len(sent), AuditEvent.objects.count()) == (state, 0, 0)


@pytest.mark.django_db
def test_release_keeps_the_attempt_and_sends_only_if_asked(sent: Queue, commit: Any) -> None:
    claimed = transitions.claim(PredictionFactory(state="queued").pk)
    assert claimed is not None
    assert commit(transitions.release, claimed, send=False)
    assert (fresh(claimed).state, fresh(claimed).attempts, len(sent)) == ("queued", 1, 0)
    assert not commit(transitions.release, claimed, send=True)  # the claim is over
    assert len(sent) == 0
    claimed = transitions.claim(claimed.pk)
    assert claimed is not None and commit(transitions.release, claimed, send=True, delay=LATER)
    [message] = sent.messages()
    assert message.not_before is not None
    assert timedelta(0) <= message.not_before - fresh(claimed).queued - LATER < timedelta(seconds=1)


@pytest.mark.django_db
def test_requeue_is_no_attempt_and_goes_to_the_end(sent: Queue, commit: Any) -> None:
    claimed = transitions.claim(PredictionFactory(state="queued", queued=timezone.now() - LATER).pk)
    assert claimed is not None
    claimed.worker = uuid4()
    claimed.save()
    assert commit(transitions.requeue, claimed)
    again = fresh(claimed)
    assert again.worker is None
    assert (again.state, again.attempts, again.started, list(sent)) == ("queued", 0, None, [claimed.pk])
    assert timezone.now() - again.queued < LATER
    assert not commit(transitions.requeue, claimed)
    assert len(sent) == 1


@pytest.mark.django_db
def test_a_result_that_does_not_cover_new_slices_is_dropped(sent: Queue, commit: Any) -> None:
    claimed = transitions.claim(PredictionFactory(state="queued").pk)
    assert claimed is not None and transitions.postpone(claimed, until=timezone.now() + LATER)
    commit(transitions.fail, claimed, code="internal", message="No.")
    assert (fresh(claimed).state, fresh(claimed).error_code, list(sent)) == ("queued", "", [claimed.pk])


@pytest.mark.django_db
def test_what_is_not_due_or_has_changed_is_not_claimed() -> None:
    later = PredictionFactory(state="queued", not_before=timezone.now() + LATER)
    assert transitions.claim(later.pk) is None
    now = PredictionFactory(state="queued", not_before=timezone.now() - LATER)
    assert transitions.claim(now.pk, model_version=later.model_version) is None
    claimed = transitions.claim(now.pk, model_version=now.model_version)
    assert claimed is not None and claimed.attempts == 1
    assert transitions.claim(now.pk) is None


@pytest.mark.django_db
@pytest.mark.parametrize("state", ["queued", "done", "refused", "failed", "canceled"])
def test_a_sweep_leaves_what_does_not_run(sent: Queue, settings: Any, state: str) -> None:
    """However long ago it started, and however often."""
    ago = timezone.now() - timedelta(days=1)
    PredictionFactory(state=state, queued=ago, started=ago, attempts=settings.TASK_MAX_ATTEMPTS)
    was = list(Prediction.objects.values())
    transitions.sweep()
    assert list(Prediction.objects.values()) == was


@pytest.mark.django_db
@pytest.mark.parametrize(("limits", "swept"), [(1.05, 0), (1.15, 1)])
def test_a_sweep_waits_a_tenth_longer_than_a_task_may_take(
    sent: Queue, commit: Any, settings: Any, limits: float, swept: int
) -> None:
    started = timezone.now() - limits * timedelta(seconds=settings.TASK_TIME_LIMIT)
    prediction = PredictionFactory(state="running", queued=started, started=started)
    assert commit(transitions.sweep) == swept
    assert fresh(prediction).state == ("queued" if swept else "running")


@pytest.mark.django_db
def test_the_message_of_a_retry_waits_for_further_slices(user: Any, sent: Queue, commit: Any) -> None:
    prediction = PredictionFactory(state="failed", not_before=timezone.now() + LATER)
    assert commit(transitions.retry, prediction, actor=user)
    [message] = sent.messages()
    assert timedelta(0) <= message.not_before - prediction.not_before < timedelta(seconds=1)


@pytest.mark.django_db
@pytest.mark.parametrize("same", [True, False])
def test_a_retry_goes_on_where_the_same_model_stopped(user: Any, same: bool) -> None:
    version = ModelVersionFactory(active=same)
    if not same:
        ModelVersionFactory(active=True)
    stopped = PredictionFactory(scan__case__owner=user, state="failed", progress=7, model_version=version)
    assert transitions.retry(stopped, actor=user)
    assert fresh(stopped).progress == (7 if same else 0)


@pytest.mark.django_db
def test_a_cancel_is_audited(user: Any) -> None:
    prediction = PredictionFactory(state="running")
    assert transitions.cancel(prediction, actor=user)
    event = AuditEvent.objects.get(action="prediction.canceled")
    assert (event.actor_id, event.target_id) == (user.pk, str(prediction.pk))


@pytest.mark.django_db
def test_the_longest_waiting_that_is_due_comes_first() -> None:
    now = timezone.now()
    second, third = (PredictionFactory(state="queued", queued=now - LATER) for _ in range(2))
    first = PredictionFactory(state="queued", queued=now - 2 * LATER, not_before=now - LATER)
    PredictionFactory(state="queued", queued=now - 3 * LATER, not_before=now + LATER)
    PredictionFactory(state="running", queued=now - 3 * LATER, attempts=0)
    assert list(transitions.never_claimed()) == [first, second, third]
    assert [transitions.claim_next() for _ in range(4)] == [first, second, third, None]


@pytest.mark.django_db
@pytest.mark.parametrize("replaced", [False, True])
def test_a_claim_left_to_another_worker_or_model_waits_as_if_new(monkeypatch: Any, replaced: bool) -> None:
    monkeypatch.setattr(heartbeats, "current", uuid4)
    claimed = transitions.claim(PredictionFactory(state="queued", queued=timezone.now() - LATER).pk)
    assert claimed is not None
    before = timezone.now()
    if replaced:
        assert transitions.replace_model(claimed, by=ModelVersionFactory()) is True
    else:
        assert transitions.hand_over(claimed) is True
    left = fresh(claimed)
    assert (left.state, left.attempts, left.started, left.worker) == ("queued", 0, None, None)
    assert left.queued >= before


@pytest.mark.django_db
def test_what_is_put_back_waits_from_now_on(sent: Queue, commit: Any) -> None:
    long_ago, due = timezone.now() - timedelta(days=1), timezone.now() + LATER
    released, requeued = (transitions.claim(PredictionFactory(state="queued", queued=long_ago).pk) for _ in range(2))
    assert released is not None and requeued is not None
    assert transitions.postpone(requeued, until=due)
    assert commit(transitions.release, released, send=False) and commit(transitions.requeue, requeued)
    assert all(timezone.now() - fresh(one).queued < LATER for one in (released, requeued))
    [message] = sent.messages()
    assert message.not_before is not None
    assert timedelta(0) <= message.not_before - due < timedelta(seconds=1)


@pytest.mark.django_db
def test_a_scan_that_loses_its_worker_too_often_fails_with_a_reason(sent: Queue, settings: Any) -> None:
    settings.TASK_MAX_ATTEMPTS = 3
    ago = timezone.now() - timedelta(days=1)
    lost = PredictionFactory(state="running", queued=ago, started=ago, attempts=3)
    assert transitions.sweep() == 0
    assert (fresh(lost).state, fresh(lost).error_code) == ("failed", "worker_lost")
    assert fresh(lost).error == "The worker was lost 3 times while analyzing this scan."


@pytest.mark.django_db
def test_a_reopened_run_waits_for_further_slices(user: Any, sent: Queue, commit: Any) -> None:
    later = timezone.now() + LATER
    done = PredictionFactory(state="done", outcome="tumor")
    assert commit(transitions.reopen, done, actor=user, not_before=later)
    [message] = sent.messages()
    assert message.prediction_id == done.pk
    assert message.not_before is not None
    assert timedelta(0) <= message.not_before - later < timedelta(seconds=1)  # clocks may differ a little


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("begun", "slices", "told"),
    [(4, 12, {"slice": 187.562}), (4, 5, {"slice": 1500.5}), (4, 4, {}), (4, 3, {}), (None, 12, {})],
)
def test_progress_tells_what_a_slice_took_in_this_turn(
    begun: int | None, slices: int, told: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    started = None if begun is None else now - timedelta(seconds=1.5004999)
    claimed = PredictionFactory(state="running", started=started, progress=begun or 0, milliseconds={})
    monkeypatch.setattr(timezone, "now", lambda: now)
    assert transitions.record_progress(claimed, slices=slices)
    assert (fresh(claimed).progress, fresh(claimed).milliseconds) == (slices, told)


@pytest.mark.django_db
def test_a_result_is_announced_with_its_times() -> None:
    claimed = PredictionFactory(state="running", started=timezone.now() - timedelta(seconds=2))
    heard: list[dict[str, Any]] = []

    def hear(**told: Any) -> None:
        heard.append(told)

    transitions.ended.connect(hear)
    try:
        transitions.complete(claimed, state=State.FAILED, error_code="timeout")
    finally:
        transitions.ended.disconnect(hear)
    [told] = heard
    names = ("sender", "prediction_id", "started", "finished", "state")
    expected = [Prediction, claimed.pk, claimed.started, fresh(claimed).finished, "failed"]
    assert [told[name] for name in names] == expected
