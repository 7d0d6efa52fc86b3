"""From a queued prediction to its result: claim → result cache → ml.analyze_each → record.

A series is read slice by slice, each recorded at once (see `slices`): a run goes on where it was cut off, gives way to
others after its turn, and stops where it is canceled.

A run that reads a picture goes on with those that wait (see `line`), so that the next one is read while the network
is at the last one. A message is therefore a call to work: its own prediction first, else whoever waits longest.

States change only here and in `claims`, each by a conditional UPDATE whose row count is checked. So a message delivered
twice does the work once, a canceled run's result is dropped, and a worker that died loses nothing: `sweep` queues it
again.
"""

from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.utils import timezone

import ml
from diagnosis.access import audit
from diagnosis.access.users import User
from diagnosis.inference import broker, model_versions, result_cache, series, transitions
from diagnosis.inference.batching import Line
from diagnosis.models import Prediction
from diagnosis.models.embedding import pack
from diagnosis.models.prediction import ACTIVE, STOPPED, State
from ml.contracts import Analysis, ModelUnavailable

_log = structlog.get_logger(__name__)

TURN = timedelta(seconds=min(20.0, settings.TASK_TIME_LIMIT / 3))
"""A series gives way after this long, so that a picture behind it does not wait for hundreds of slices, and so that no
number of slices comes near the time limit."""

LOST_MESSAGE_AFTER = timedelta(seconds=30)
"""A prediction that has waited this long while the broker holds fewer messages than rows has lost its message."""


STORAGE_ATTEMPTS = 6
"""Claims after which a file that cannot be read is given up: the first one and the task's five retries."""


class StorageUnavailable(Exception):
    """The scan's file could not be read just now; the run goes back to the queue and is tried again."""


INFRASTRUCTURE_FAULTS = (OperationalError, InterfaceError, StorageUnavailable)
"""What is no fault of the scan: the claim is given back, and the run is tried again."""


def run(*, prediction_id: int) -> bool:
    """Run one prediction to its end, or the one that waits longest if this one was taken along, ended or canceled.

    False when there was nothing to do. Raises OperationalError, InterfaceError and StorageUnavailable, all after giving
    the claim back, for the caller to try again.
    """
    if claimed := transitions.claim(prediction_id):
        _run(claimed)
        return True
    _come_back(prediction_id)
    claimed = transitions.claim_next()
    if claimed is None:
        return False
    try:
        _run(claimed)
    except INFRASTRUCTURE_FAULTS:  # the caller would try again with the prediction that it knows
        broker.send(claimed.pk)
    return True


def _run(claimed: Prediction) -> None:
    try:
        _work(claimed)
    except ModelUnavailable as error:
        transitions.finish(claimed, state=State.FAILED, error_code=error.code, error=error.message)
    except INFRASTRUCTURE_FAULTS:
        transitions.release(claimed)
        raise
    except SoftTimeLimitExceeded:
        message = f"The analysis took longer than the time limit of {settings.TASK_TIME_LIMIT} s."
        transitions.finish(claimed, state=State.FAILED, error_code="time_limit", error=message)
    except Exception:
        _log.exception("prediction failed", prediction=claimed.pk)
        message = "The analysis failed unexpectedly. The cause is in the worker's log."
        transitions.finish(claimed, state=State.FAILED, error_code="internal", error=message)


def _come_back(prediction_id: int) -> None:
    """A run that waits for more slices is asked again when it has waited long enough."""
    waiting = Prediction.objects.filter(pk=prediction_id, state=State.QUEUED, not_before__gt=timezone.now()).first()
    if waiting is not None and waiting.not_before is not None:
        broker.send(waiting.pk, after=waiting.not_before - timezone.now())


def retry(*, prediction: Prediction, actor: User) -> bool:
    """Queue a failed or canceled prediction again, under the active model. False if it is in another state by now,
    or if another run of the same scan and model is live."""
    version = model_versions.active()
    try:
        with transaction.atomic():
            changed = Prediction.objects.filter(pk=prediction.pk, state__in=STOPPED).update(
                state=State.QUEUED,
                model_version=version,
                queued=timezone.now(),
                started=None,
                finished=None,
                attempts=0,
                error_code="",
                error="",
            )
            if not changed:
                return False
            if version != prediction.model_version:
                series.forget(prediction)
            audit.record("prediction.retried", actor=actor, target=prediction)
            broker.send_on_commit(prediction)
    except IntegrityError:
        return False
    return True


def cancel(*, prediction: Prediction, actor: User) -> bool:
    """End a waiting or running prediction. False if it has ended by now."""
    with transaction.atomic():
        changed = Prediction.objects.filter(pk=prediction.pk, state__in=ACTIVE).update(
            state=State.CANCELED, finished=timezone.now()
        )
        if changed:
            audit.record("prediction.canceled", actor=actor, target=prediction)
    return bool(changed)


def sweep() -> int:
    """Queue again what a dead worker or a lost message left behind; give up after TASK_MAX_ATTEMPTS claims.

    Returns how many predictions were brought back.
    """
    now = timezone.now()
    dead = Prediction.objects.filter(
        state=State.RUNNING, started__lt=now - timedelta(seconds=settings.TASK_TIME_LIMIT * 1.1)
    )
    dead.filter(attempts__gte=settings.TASK_MAX_ATTEMPTS).update(
        state=State.FAILED,
        finished=now,
        error_code="worker_lost",
        error=f"The worker was lost {settings.TASK_MAX_ATTEMPTS} times while analyzing this scan.",
    )
    brought_back = 0
    for row in dead.only("pk", "attempts"):
        if Prediction.objects.filter(pk=row.pk, state=State.RUNNING, attempts=row.attempts).update(
            state=State.QUEUED, started=None, queued=now
        ):
            broker.send(row.pk)
            brought_back += 1
    return brought_back + _resend_lost(now)


def _resend_lost(now: Any) -> int:
    waiting = Prediction.objects.filter(state=State.QUEUED)
    messages = broker.length()
    if messages is None or messages >= waiting.count():
        return 0
    lost = list(waiting.filter(queued__lt=now - LOST_MESSAGE_AFTER).values_list("pk", flat=True))
    for prediction_id in lost:
        broker.send(prediction_id)
    return len(lost)


def _work(claimed: Prediction) -> None:
    if claimed.scan.gathers:
        series.arrange(claimed.scan)
    if result_cache.reuse(claimed):
        return
    model = model_versions.load(claimed.model_version)
    try:
        if claimed.scan.is_series:
            _read_series(claimed, model)
        else:
            _read_pictures(claimed, model)
    except FileNotFoundError:
        message = "The scan's file is gone from the storage."
        transitions.finish(claimed, state=State.FAILED, error_code="file_missing", error=message)
    except series.StorageFault as error:
        if claimed.attempts < STORAGE_ATTEMPTS:
            raise StorageUnavailable(str(error)) from error
        _log.exception("scan cannot be read", prediction=claimed.pk)
        message = f"The scan's file could not be read from the storage, {claimed.attempts} times."
        transitions.finish(claimed, state=State.FAILED, error_code="storage_unavailable", error=message)


def _read_series(claimed: Prediction, model: ml.Model) -> None:
    """The slices that have no result yet, for one turn; with the last one, what they say together."""
    assert claimed.started is not None
    read = claimed.scan.frames
    for read in series.outstanding(claimed, model, until=claimed.started + TURN):
        if not transitions.mine(claimed).update(progress=read):
            return  # canceled, or taken over
    if read < claimed.scan.frames:
        transitions.next_turn(claimed)
        return
    summary = series.summarize(claimed, model)
    transitions.finish(claimed, vector=summary.pop("vector"), **summary)


def _read_pictures(claimed: Prediction, model: ml.Model) -> None:
    """The one picture, and those behind it in line, each recorded while the network is at the next.

    Nobody pays for another's fault: who has no result by then goes back into the queue, and alone the next time.
    """
    line = Line(claimed)
    sources = (partial(series.decoded, one.scan.file) for one in line)
    try:
        for analysis in ml.analyze_each(model, sources, batch=model_versions.batch(model)):
            _record(line.held[0], analysis)
            line.held.popleft()
    except Exception:
        if all(one is claimed for one in line.held):
            raise
        _log.exception("pictures in line go back into the queue", pictures=[one.pk for one in line.held])
        line.give_back()


def _record(claimed: Prediction, analysis: Analysis) -> None:
    fields = analysis.as_dict()
    del fields["model"]
    state = State.REFUSED if analysis.outcome == "refused" else State.DONE
    transitions.finish(
        claimed, vector=None if analysis.embedding is None else pack(analysis.embedding), state=state, **fields
    )
