"""From a queued prediction to its result: claim → result cache → ml.analyze_each → record.

A series is read slice by slice, each recorded at once (see `slices`): a run goes on where it was cut off, gives way to
others after its turn, and stops where it is canceled.

A run that reads a picture goes on with those that wait (see `line`), so that the next one is read while the network
is at the last one. A message is therefore a call to work: its own prediction first, else whoever waits longest.

Every change of state is made by `transitions`.
"""

from datetime import timedelta
from functools import partial

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.utils import timezone

import ml
from diagnosis.inference import broker, model_versions, result_cache, series, transitions
from diagnosis.inference.batching import Line
from diagnosis.models import Prediction
from diagnosis.models.embedding import pack
from diagnosis.models.prediction import State
from ml.contracts import Analysis, ModelUnavailable

_log = structlog.get_logger(__name__)

TURN = timedelta(seconds=min(20.0, settings.TASK_TIME_LIMIT / 3))
"""A series gives way after this long, so that a picture behind it does not wait for hundreds of slices, and so that no
number of slices comes near the time limit."""

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
    claimed = transitions.claim(prediction_id)
    if claimed is None:
        _reschedule(prediction_id)
        claimed = transitions.claim_next()
    if claimed is None:
        return False
    try:
        _run(claimed)
    except INFRASTRUCTURE_FAULTS:
        own = claimed.pk == prediction_id  # the caller's retry has no other id
        transitions.release(claimed, send=not own)
        if own:
            raise
    return True


def _run(claimed: Prediction) -> None:
    try:
        _work(claimed)
    except ModelUnavailable as error:
        transitions.fail(claimed, code=error.code, message=error.message)
    except INFRASTRUCTURE_FAULTS:
        raise
    except SoftTimeLimitExceeded:
        message = f"The analysis took longer than the time limit of {settings.TASK_TIME_LIMIT} s."
        transitions.fail(claimed, code="time_limit", message=message)
    except Exception:
        _log.exception("prediction failed", prediction=claimed.pk)
        message = "The analysis failed unexpectedly. The cause is in the worker's log."
        transitions.fail(claimed, code="internal", message=message)


def _reschedule(prediction_id: int) -> None:
    """A run that still waits for slices gets a message for when it is due."""
    waiting = Prediction.objects.filter(pk=prediction_id, state=State.QUEUED, not_before__gt=timezone.now()).first()
    if waiting is not None:
        broker.send(waiting.pk, not_before=waiting.not_before)


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
        transitions.fail(claimed, code="file_missing", message=message)
    except series.StorageFault as error:
        if claimed.attempts < STORAGE_ATTEMPTS:
            raise StorageUnavailable(str(error)) from error
        _log.exception("scan cannot be read", prediction=claimed.pk)
        message = f"The scan's file could not be read from the storage, {claimed.attempts} times."
        transitions.fail(claimed, code="storage_unavailable", message=message)


def _read_series(claimed: Prediction, model: ml.Model) -> None:
    """The slices that have no result yet, for one turn; with the last one, what they say together."""
    assert claimed.started is not None
    read = claimed.scan.frames
    for read in series.outstanding(claimed, model, until=claimed.started + TURN):
        if not transitions.record_progress(claimed, slices=read):
            return  # canceled, or taken over
    if read < claimed.scan.frames:
        transitions.requeue(claimed)
        return
    summary = series.summarize(claimed, model)
    transitions.complete(claimed, vector=summary.pop("vector"), **summary)


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
    transitions.complete(
        claimed, vector=None if analysis.embedding is None else pack(analysis.embedding), state=state, **fields
    )
