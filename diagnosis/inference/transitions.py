"""Every change of a prediction's state. No other module makes one.

    create → queued ⇄ running → done | refused | failed | canceled

A change is one conditional UPDATE whose row count is checked; then its audit row, if a person asked for it (an upload
and a deletion have rows of their own); and on commit, the message to the worker. So a message delivered twice does the
work once, and a canceled or superseded run cannot record its result. A worker that dies loses nothing either: a claim
names the process that made it, and once that process's heartbeat is gone, `take_over` re-queues what it held (`leases`
says when). Every change that ends a claim also clears this name: during an upgrade, a worker of a version that writes
no names may claim the row next.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.dispatch import Signal
from django.utils import timezone

from diagnosis.access import audit
from diagnosis.access.users import User
from diagnosis.inference import broker, heartbeats, model_versions
from diagnosis.models import Embedding, Heartbeat, ModelVersion, Prediction, Scan, SliceResult
from diagnosis.models.prediction import ACTIVE, REUSABLE, STOPPED, State
from diagnosis.reviews import transitions as reviews

MESSAGE_LOST_AFTER = timedelta(seconds=30)
"""A released prediction normally has its own queued message; after this delay we assume it was lost."""

_HANDOVER_DELAY = timedelta(seconds=2)
"""A worker that lacks the model must not spin on a prediction's message while it is alone."""

DELETED = "deleted"
"""The error code of runs that ended because their scan went to the trash."""

_CANDIDATES = 8  # rows to try; other workers may be claiming the same ones

ended = Signal()
"""Sent when a worker has recorded the end of a run, with prediction_id, started, finished and state."""

_log = structlog.get_logger(__name__)


def create(
    scan: Scan, *, model_version: ModelVersion | None, requested_by: User, debounce: timedelta | None = None
) -> Prediction:
    """Queue a new run on a scan. debounce: how long to wait for further slices of the same series."""
    now = timezone.now()
    present = Scan.objects.select_related("case__owner").get(pk=scan.pk)  # it may have changed hands or been deleted
    scan.case, scan.deleted = present.case, present.deleted
    prediction = Prediction.for_scan(
        scan,
        model_version=model_version,
        requested_by=requested_by,
        queued=now,
        not_before=None if debounce is None else now + debounce,
    )
    prediction.save()
    broker.send_on_commit(prediction.pk, not_before=prediction.not_before)
    return prediction


def postpone(prediction: Prediction, *, until: datetime) -> bool:
    """A slice arrived: a queued run waits longer, a running one cannot complete without it. False if it has ended."""
    return bool(Prediction.objects.filter(pk=prediction.pk, state__in=ACTIVE).update(not_before=until))


def reopen(prediction: Prediction, *, actor: User, not_before: datetime) -> bool:
    """A slice arrived after the result: queue the run again. The audit row keeps the old result. False if there is
    none by now."""
    with transaction.atomic():
        completed = Prediction.objects.filter(pk=prediction.pk, state__in=REUSABLE).first()
        if completed is None:
            return False
        changed = Prediction.objects.filter(pk=completed.pk, state=completed.state).update(
            state=State.QUEUED, outcome="", uncertain=False, tumor_probability=None, type_probabilities=None,
            evidence=None, gate=None, series=None, key_slice=None, reused_from=None, trained_on=False, attempts=0,
            queued=timezone.now(), not_before=not_before, started=None, finished=None, worker=None,
        )  # fmt: skip
        if not changed:
            return False
        Embedding.objects.filter(prediction=completed).delete()
        result = {"outcome": completed.outcome, "tumor_probability": completed.tumor_probability}
        audit.record("prediction.reopened", actor=actor, target=completed, **result)
        broker.send_on_commit(completed.pk, not_before=not_before)
    return True


def claim(prediction_id: int, **unchanged: Any) -> Prediction | None:
    """Start running a prediction. None if it is not queued or not due, or if another worker was faster.

    unchanged: field values that the row must still have.
    """
    now = timezone.now()
    due = Prediction.objects.filter(_is_due(now), pk=prediction_id, state=State.QUEUED, **unchanged)
    if not due.update(state=State.RUNNING, started=now, attempts=F("attempts") + 1, worker=heartbeats.current()):
        return None
    rows = Prediction.objects.select_related("scan", "model_version").defer("model_version__manifest")
    return rows.get(pk=prediction_id)


def claim_next() -> Prediction | None:
    """Start running whichever prediction has waited longest; None if none is due.

    One that was tried before has its own message, so it is left alone until that message must have been lost.
    """
    ownerless = Q(attempts=0) | Q(queued__lt=timezone.now() - MESSAGE_LOST_AFTER)
    for prediction_id in _due().filter(ownerless).values_list("pk", flat=True)[:_CANDIDATES]:
        if claimed := claim(prediction_id):
            return claimed
    return None


def never_claimed() -> QuerySet[Prediction]:
    """Predictions that are due and were never claimed, first come first."""
    return _due().filter(attempts=0)


def record_progress(claimed: Prediction, *, slices: int) -> bool:
    """Say how many slices have a result, and how long one took in this turn. False if the claim is no longer held."""
    analyzed = slices - claimed.progress  # as it was when the turn began
    if claimed.started is None or analyzed <= 0:
        return bool(_still_held(claimed).update(progress=slices))
    each = (timezone.now() - claimed.started).total_seconds() * 1000 / analyzed
    return bool(_still_held(claimed).update(progress=slices, milliseconds={"slice": round(each, 3)}))


def release(claimed: Prediction, *, send: bool, delay: timedelta | None = None) -> bool:
    """Back into the queue after a fault; the attempt counts. False if the claim is no longer held.

    send: with a message of its own, after `delay`. Not needed where the task that called retries by itself.
    """
    now = timezone.now()
    if not _still_held(claimed).update(state=State.QUEUED, started=None, queued=now, worker=None):
        return False
    if send:
        broker.send_on_commit(claimed.pk, not_before=None if delay is None else now + delay)
    return True


def requeue(claimed: Prediction) -> bool:
    """To the end of the queue: a turn is over, or slices arrived meanwhile. This is not a failed attempt."""
    with transaction.atomic():
        if not _still_held(claimed).update(
            state=State.QUEUED, started=None, queued=timezone.now(), attempts=0, worker=None
        ):
            return False
        claimed.refresh_from_db(fields=["not_before"])
        broker.send_on_commit(claimed.pk, not_before=claimed.not_before)
    return True


def hand_over(claimed: Prediction) -> bool:
    """Leave a claimed prediction to another worker, as this one lacks its model. Not an attempt."""
    now = timezone.now()
    if not _still_held(claimed).update(
        state=State.QUEUED, started=None, queued=now, worker=None, attempts=F("attempts") - 1
    ):
        return False
    broker.send_on_commit(claimed.pk, not_before=now + _HANDOVER_DELAY)
    return True


def replace_model(claimed: Prediction, *, by: ModelVersion) -> bool:
    """Queue a claimed prediction for the version that has replaced its own. False if the scan has a live run of that
    one already, or if the claim is no longer held."""
    try:
        with transaction.atomic():
            if not _still_held(claimed).update(
                state=State.QUEUED, started=None, queued=timezone.now(), worker=None, attempts=0, model_version=by,
                progress=0,
            ):  # fmt: skip
                return False
            SliceResult.objects.filter(prediction=claimed).delete()
            broker.send_on_commit(claimed.pk)
    except IntegrityError:
        return False
    return True


def complete(claimed: Prediction, *, state: State, vector: bytes | memoryview | None = None, **fields: Any) -> None:
    """Record the outcome, with the packed embedding that finds similar scans: both or neither.

    Slices that arrived during the run have moved `not_before`; the result does not cover them, so the run is re-queued.
    """
    finished = timezone.now()
    with transaction.atomic():
        unextended = _still_held(claimed).filter(not_before=claimed.not_before)
        recorded = unextended.update(state=state, finished=finished, worker=None, **fields)
        if recorded:
            if vector is not None and claimed.model_version is not None:
                Embedding.objects.create(prediction=claimed, model_version=claimed.model_version, vector=vector)
        elif not requeue(claimed):
            _log.info("result dropped: the prediction was canceled or taken over", prediction=claimed.pk)
    if recorded:
        ended.send(Prediction, prediction_id=claimed.pk, started=claimed.started, finished=finished, state=str(state))


def fail(claimed: Prediction, *, code: str, message: str) -> None:
    """End the run without a result. message: a sentence for staff."""
    complete(claimed, state=State.FAILED, error_code=code, error=message)


def retry(prediction: Prediction, *, actor: User) -> bool:
    """Queue a failed or canceled prediction again, under the active model. False if it is in another state or in the
    trash by now, or if another run of the same scan and model is live."""
    version = model_versions.active()
    same_model = version == prediction.model_version
    try:
        with transaction.atomic():
            changed = Prediction.objects.filter(pk=prediction.pk, state__in=STOPPED, in_trash=False).update(
                state=State.QUEUED, model_version=version, queued=timezone.now(), started=None, finished=None,
                worker=None, attempts=0, error_code="", error="", progress=F("progress") if same_model else 0,
            )  # fmt: skip
            if not changed:
                return False
            if not same_model:
                SliceResult.objects.filter(prediction=prediction).delete()
            audit.record("prediction.retried", actor=actor, target=prediction)
            broker.send_on_commit(prediction.pk, not_before=prediction.not_before)
    except IntegrityError:
        return False
    return True


def forget_slices(slice_ids: Sequence[int]) -> None:
    """Delete the results of slices that have moved to another scan: they were results of the one that they left."""
    SliceResult.objects.filter(slice__in=slice_ids).delete()
    Prediction.objects.filter(key_slice__in=slice_ids).update(key_slice=None)


def discard(scan: Scan, *, actor: User) -> None:
    """Delete a scan that has lost all its slices to others, with its predictions and reviews. Audit rows keep each."""
    reviews.forget(scan, actor=actor, why="its slices moved to other scans")
    for prediction in Prediction.objects.filter(scan=scan):
        result = {"outcome": prediction.outcome, "tumor_probability": prediction.tumor_probability}
        audit.record("prediction.discarded", actor=actor, target=prediction, scan=scan.pk, **result)
    Prediction.objects.filter(scan=scan).delete()
    scan.delete()


def cancel(prediction: Prediction, *, actor: User) -> bool:
    """End a queued or running prediction. False if it has ended by now."""
    with transaction.atomic():
        changed = Prediction.objects.filter(pk=prediction.pk, state__in=ACTIVE).update(
            state=State.CANCELED, finished=timezone.now(), worker=None
        )
        if changed:
            audit.record("prediction.canceled", actor=actor, target=prediction)
    return bool(changed)


def cancel_deleted(rows: QuerySet[Prediction]) -> int:
    """End the runs of scans that go to the trash; a run at work drops its result. Returns how many there were."""
    return rows.filter(state__in=ACTIVE).update(
        state=State.CANCELED,
        finished=timezone.now(),
        worker=None,
        error_code=DELETED,
        error="Its scan was deleted.",
    )


def queue_restored(rows: QuerySet[Prediction], *, actor: User) -> int:
    """Queue again what `cancel_deleted` ended. Returns how many."""
    return sum(retry(row, actor=actor) for row in rows.filter(state=State.CANCELED, error_code=DELETED))


def take_over() -> int:
    """Re-queue what is claimed by processes whose heartbeat is gone. Returns how many were queued again."""
    living = Heartbeat.objects.filter(pk=OuterRef("worker"))
    return _take_over(Prediction.objects.filter(~Exists(living), state=State.RUNNING, worker__isnull=False))


def sweep() -> int:
    """Re-queue what dead workers and lost messages left behind. Returns how many predictions were sent again.

    Claims without a heartbeat, of a process that could not write one, end by the time limit. One from the future was
    stamped before a clock was set back, and says nothing about how long it has run.
    """
    now, limit = timezone.now(), timedelta(seconds=settings.TASK_TIME_LIMIT * 1.1)
    overdue = Q(started__lt=now - limit) | Q(started__gt=now + limit)
    dead = Prediction.objects.filter(overdue, state=State.RUNNING, worker=None)
    return take_over() + _take_over(dead) + _resend_lost_messages(now)


def _take_over(lost: QuerySet[Prediction]) -> int:
    """Queue these running predictions again; fail those that have been claimed TASK_MAX_ATTEMPTS times."""
    lost.filter(attempts__gte=settings.TASK_MAX_ATTEMPTS).update(
        state=State.FAILED,
        finished=timezone.now(),
        worker=None,
        error_code="worker_lost",
        error=f"The worker was lost {settings.TASK_MAX_ATTEMPTS} times while analyzing this scan.",
    )
    return sum(release(row, send=True) for row in lost)


def _resend_lost_messages(now: datetime) -> int:
    """While the broker holds fewer messages than rows are queued, some message was lost."""
    queued = Prediction.objects.filter(state=State.QUEUED)
    messages = broker.length()
    if messages is None or messages >= queued.count():
        return 0
    lost = list(queued.filter(queued__lt=now - MESSAGE_LOST_AFTER).values_list("pk", flat=True))
    for prediction_id in lost:
        broker.send(prediction_id)
    return len(lost)


def _still_held(claimed: Prediction) -> QuerySet[Prediction]:
    """The row, as long as this claim holds it. A retry resets `attempts`, so the other columns must match as well."""
    return Prediction.objects.filter(
        pk=claimed.pk,
        state=State.RUNNING,
        attempts=claimed.attempts,
        started=claimed.started,
        worker=claimed.worker,
    )


def _due() -> QuerySet[Prediction]:
    return Prediction.objects.filter(_is_due(timezone.now()), state=State.QUEUED).order_by("queued", "id")


def _is_due(now: datetime) -> Q:
    return Q(not_before=None) | Q(not_before__lte=now)
