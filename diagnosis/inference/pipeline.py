"""From a queued prediction to its result: claim → result cache → `ml` → record.

A task calls `run` with one prediction's id. Every change of state is made by `transitions`. A series is analyzed slice
by slice (`series`), and a run on a single image goes on with other queued images (`batching`).
"""

from dataclasses import asdict
from datetime import timedelta
from functools import partial

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.utils import timezone

import ml
from diagnosis.inference import (
    broker,
    heartbeats,
    image_files,
    model_versions,
    result_cache,
    rolling_upgrade,
    series,
    transitions,
)
from diagnosis.inference.batching import Batch
from diagnosis.inference.image_files import FileMissing, StorageUnavailable
from diagnosis.models import Prediction
from diagnosis.models.embedding import pack
from diagnosis.models.prediction import Outcome, State
from ml.contracts import Analysis, Gate, ModelUnavailable, UnreadableImage

_log = structlog.get_logger(__name__)

TURN = timedelta(seconds=min(20.0, settings.TASK_TIME_LIMIT / 3))
"""After this long a series goes to the end of the queue, so that an image after it does not wait for hundreds of
slices, and a series of any length stays clear of the time limit."""

STORAGE_ATTEMPTS = 6
"""Claims after which we give up on an unreadable file: the first one and the task's five retries."""

INFRASTRUCTURE_FAULTS = (OperationalError, InterfaceError, StorageUnavailable)
"""Not the scan's fault: the prediction is released and tried again."""


def run(*, prediction_id: int) -> bool:
    """Run this prediction to its end; if it is no longer queued, run whichever has waited longest.

    False when there was nothing to do. Raises one of INFRASTRUCTURE_FAULTS, after releasing the prediction, so that the
    calling task retries it. After any other error (the database unreachable or read-only, a time limit while a result
    was recorded) nothing was released; a new heartbeat then gives the claims up.
    """
    try:
        heartbeats.be_known()
        return _run(prediction_id)
    except StorageUnavailable:
        raise
    except Exception:
        heartbeats.begin_again()
        raise


def _run(prediction_id: int) -> bool:
    claimed = transitions.claim(prediction_id)
    if claimed is None:
        _reschedule(prediction_id)
        claimed = transitions.claim_next()
    if claimed is None:
        return False
    try:
        _process(claimed)
    except INFRASTRUCTURE_FAULTS:
        retried_by_task = claimed.pk == prediction_id
        transitions.release(claimed, send=not retried_by_task)
        if retried_by_task:
            raise
    return True


def _reschedule(prediction_id: int) -> None:
    """A prediction that still waits for slices gets another message, for when it is due."""
    waiting = Prediction.objects.filter(pk=prediction_id, state=State.QUEUED, not_before__gt=timezone.now()).first()
    if waiting is not None:
        broker.send(waiting.pk, not_before=waiting.not_before)


def _process(claimed: Prediction) -> None:
    """Give a claimed prediction its result or its error. Raises INFRASTRUCTURE_FAULTS."""
    try:
        problem = series.arrange(claimed.scan) if claimed.scan.is_multi_file else None
        if problem is not None:
            _refuse(claimed, problem)
            return
        if result_cache.reuse(claimed):
            return
        model = model_versions.load(claimed.model_version)
        if claimed.scan.is_series:
            _analyze_series(claimed, model)
        else:
            _analyze_images(claimed, model)
    except StorageUnavailable:
        if claimed.attempts < STORAGE_ATTEMPTS:
            raise
        _log.exception("scan cannot be read", prediction=claimed.pk)
        message = f"The scan's file could not be read from the storage, {claimed.attempts} times."
        transitions.fail(claimed, code="storage_unavailable", message=message)
    except INFRASTRUCTURE_FAULTS:
        raise
    except FileMissing:
        transitions.fail(claimed, code="file_missing", message="The scan's file is gone from the storage.")
    except ModelUnavailable as error:
        if rolling_upgrade.leave(claimed):
            _log.warning("left to another worker or model", prediction=claimed.pk, code=error.code)
        else:
            transitions.fail(claimed, code=error.code, message=error.message)
    except SoftTimeLimitExceeded:
        message = f"The analysis took longer than the time limit of {settings.TASK_TIME_LIMIT} s."
        transitions.fail(claimed, code="time_limit", message=message)
    except Exception:
        _log.exception("prediction failed", prediction=claimed.pk)
        message = "The analysis failed unexpectedly. The cause is in the worker's log."
        transitions.fail(claimed, code="internal", message=message)


def _refuse(claimed: Prediction, problem: UnreadableImage) -> None:
    """Refuse a series without judging any of its slices."""
    gate = Gate(accepted=False, reason=problem.code, message=problem.message)
    transitions.complete(claimed, state=State.REFUSED, outcome=Outcome.REFUSED, gate=asdict(gate), milliseconds={})


def _analyze_series(claimed: Prediction, model: ml.Model) -> None:
    """Analyze slices for one turn; after the last one, record the result of the whole series."""
    assert claimed.started is not None
    analyzed = claimed.scan.frames
    for analyzed in series.analyze_remaining(claimed, model, until=claimed.started + TURN):
        if not transitions.record_progress(claimed, slices=analyzed):
            return  # canceled, or taken over
    if analyzed < claimed.scan.frames:
        transitions.requeue(claimed)
        return
    summary = series.summarize(claimed, model)
    transitions.complete(claimed, vector=summary.pop("vector"), **summary)


def _analyze_images(claimed: Prediction, model: ml.Model) -> None:
    """Analyze one image and those queued after it, recording each while the network works on the next.

    An error must not cost other predictions their attempt: all that have no result yet go back into the queue, and
    each is analyzed alone the next time.
    """
    batch = Batch(claimed)
    sources = (partial(image_files.decode, prediction.scan.file, frame=prediction.scan.frame) for prediction in batch)
    try:
        for analysis in ml.analyze_each(model, sources):
            _record(batch.held[0], analysis)
            batch.held.popleft()
    except Exception:
        if all(prediction is claimed for prediction in batch.held):
            raise
        _log.exception("a batch failed, its predictions are queued again", predictions=[one.pk for one in batch.held])
        batch.release_all()


def _record(claimed: Prediction, analysis: Analysis) -> None:
    fields = analysis.as_dict()
    del fields["model"]
    state = State.REFUSED if analysis.outcome == "refused" else State.DONE
    vector = None if analysis.embedding is None else pack(analysis.embedding)
    transitions.complete(claimed, state=state, vector=vector, **fields)
