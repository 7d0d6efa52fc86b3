"""From a queued prediction to its result: claim → result cache → ml.analyse → record.

States change only here, each by a conditional UPDATE whose row count is checked. So a message delivered twice does the
work once, a canceled run's result is dropped, and a worker that died loses nothing: `sweep` queues it again.
"""

from datetime import timedelta
from typing import Any

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models import F
from django.utils import timezone

import ml
from diagnosis import audit, model_versions, queue
from diagnosis.models import Embedding, Prediction
from diagnosis.models.embedding import pack
from diagnosis.models.prediction import ACTIVE, REUSABLE, State
from diagnosis.people import Person
from ml.contracts import Analysis, ModelUnavailable

_log = structlog.get_logger(__name__)

LOST_MESSAGE_AFTER = timedelta(seconds=30)
"""A prediction that has waited this long while the broker holds fewer messages than rows has lost its message."""


STORAGE_ATTEMPTS = 6
"""Claims after which a file that cannot be read is given up: the first one and the task's five retries."""


class StorageUnavailable(Exception):
    """The scan's file could not be read just now; the run goes back to the queue and is tried again."""


def run(*, prediction_id: int) -> bool:
    """Run one prediction to its end. False when there was nothing to do: already claimed, ended or canceled.

    Raises OperationalError, InterfaceError and StorageUnavailable, all after giving the claim back, for the caller to
    try again.
    """
    claimed = _claim(prediction_id)
    if claimed is None:
        return False
    try:
        _work(claimed)
    except ModelUnavailable as error:
        _finish(claimed, state=State.FAILED, error_code=error.code, error=error.message)
    except (StorageUnavailable, OperationalError, InterfaceError):
        _release(claimed)
        raise
    except SoftTimeLimitExceeded:
        message = f"The analysis took longer than the time limit of {settings.TASK_TIME_LIMIT} s."
        _finish(claimed, state=State.FAILED, error_code="time_limit", error=message)
    except Exception:
        _log.exception("prediction failed", prediction=claimed.pk)
        message = "The analysis failed unexpectedly. The cause is in the worker's log."
        _finish(claimed, state=State.FAILED, error_code="internal", error=message)
    return True


def retry(*, prediction: Prediction, actor: Person) -> bool:
    """Queue a failed or canceled prediction again, under the active model. False if it is in another state by now,
    or if another run of the same scan and model is live."""
    try:
        with transaction.atomic():
            changed = Prediction.objects.filter(pk=prediction.pk, state__in=(State.FAILED, State.CANCELED)).update(
                state=State.QUEUED,
                model_version=model_versions.active(),
                queued=timezone.now(),
                started=None,
                finished=None,
                attempts=0,
                error_code="",
                error="",
            )
            if not changed:
                return False
            audit.record("prediction.retried", actor=actor, target=prediction)
            queue.send_on_commit(prediction)
    except IntegrityError:
        return False
    return True


def cancel(*, prediction: Prediction, actor: Person) -> bool:
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
            queue.send(row.pk)
            brought_back += 1
    return brought_back + _resend_lost(now)


def _resend_lost(now: Any) -> int:
    waiting = Prediction.objects.filter(state=State.QUEUED)
    messages = queue.length()
    if messages is None or messages >= waiting.count():
        return 0
    lost = list(waiting.filter(queued__lt=now - LOST_MESSAGE_AFTER).values_list("pk", flat=True))
    for prediction_id in lost:
        queue.send(prediction_id)
    return len(lost)


def _claim(prediction_id: int) -> Prediction | None:
    claimed = Prediction.objects.filter(pk=prediction_id, state=State.QUEUED).update(
        state=State.RUNNING, started=timezone.now(), attempts=F("attempts") + 1
    )
    if not claimed:
        return None
    return Prediction.objects.select_related("scan", "model_version").get(pk=prediction_id)


def _release(claimed: Prediction) -> None:
    _mine(claimed).update(state=State.QUEUED, started=None, queued=timezone.now())


def _work(claimed: Prediction) -> None:
    if known := _known_result(claimed):
        vector = Embedding.objects.filter(prediction=known["reused_from"]).values_list("vector", flat=True).first()
        _finish(claimed, vector=vector, **known)
        return
    model = model_versions.load(claimed.model_version)
    try:
        with claimed.scan.file.open("rb") as file:
            data = file.read()
    except FileNotFoundError:
        message = "The scan's file is gone from the storage."
        _finish(claimed, state=State.FAILED, error_code="file_missing", error=message)
        return
    except SoftTimeLimitExceeded:
        raise
    except Exception as error:  # every storage has errors of its own
        if claimed.attempts < STORAGE_ATTEMPTS:
            raise StorageUnavailable(str(error)) from error
        _log.exception("scan cannot be read", prediction=claimed.pk)
        message = f"The scan's file could not be read from the storage, {claimed.attempts} times."
        _finish(claimed, state=State.FAILED, error_code="storage_unavailable", error=message)
        return
    _record(claimed, ml.analyse(model, data))


def _known_result(claimed: Prediction) -> dict[str, Any] | None:
    """The fields of an earlier result for the same pixels and model version, whoever uploaded them."""
    if claimed.model_version_id is None:
        return None
    earlier = (
        Prediction.objects.filter(
            scan__pixel_sha256=claimed.scan.pixel_sha256, model_version=claimed.model_version_id, state__in=REUSABLE
        )
        .order_by("id")
        .first()
    )
    if earlier is None:
        return None
    copied = (
        "state",
        "outcome",
        "uncertain",
        "tumor_probability",
        "type_probabilities",
        "evidence",
        "gate",
        "trained_on",
        "engine",
        "milliseconds",
    )
    return {name: getattr(earlier, name) for name in copied} | {"reused_from": earlier}


def _record(claimed: Prediction, analysis: Analysis) -> None:
    fields = analysis.as_dict()
    del fields["model"]
    state = State.REFUSED if analysis.outcome == "refused" else State.DONE
    _finish(claimed, vector=None if analysis.embedding is None else pack(analysis.embedding), state=state, **fields)


def _finish(claimed: Prediction, *, vector: bytes | memoryview | None = None, **fields: Any) -> None:
    """End the run as `fields` say, with the packed embedding by which similar scans find it, both or neither."""
    with transaction.atomic():
        if not _mine(claimed).update(finished=timezone.now(), **fields):
            _log.info("result dropped: the prediction was canceled or taken over", prediction=claimed.pk)
        elif vector is not None and claimed.model_version is not None:
            Embedding.objects.create(prediction=claimed, model_version=claimed.model_version, vector=vector)


def _mine(claimed: Prediction) -> Any:
    """The row, as long as this very claim holds it. A retry counts attempts anew, so the claim's time is asked, too."""
    return Prediction.objects.filter(
        pk=claimed.pk, state=State.RUNNING, attempts=claimed.attempts, started=claimed.started
    )
