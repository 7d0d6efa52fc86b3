"""From a queued prediction to its result: claim → result cache → ml.analyse → record.

A series is read slice by slice, each recorded at once (see `slices`): a run goes on where it was cut off, gives way to
others after its turn, and stops where it is canceled.

Where a forward pass over several pictures costs less than so many passes, a run takes along pictures that wait.

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
from diagnosis import audit, claims, model_versions, queue, slices
from diagnosis.models import Embedding, Prediction
from diagnosis.models.embedding import pack
from diagnosis.models.prediction import ACTIVE, REUSABLE, State
from diagnosis.people import Person
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


def run(*, prediction_id: int) -> bool:
    """Run one prediction to its end. False when there was nothing to do: already claimed, ended or canceled.

    Raises OperationalError, InterfaceError and StorageUnavailable, all after giving the claim back, for the caller to
    try again.
    """
    claimed = claims.claim(prediction_id)
    if claimed is None:
        return _come_back(prediction_id)
    try:
        _work(claimed)
    except ModelUnavailable as error:
        claims.finish(claimed, state=State.FAILED, error_code=error.code, error=error.message)
    except (StorageUnavailable, OperationalError, InterfaceError):
        claims.release(claimed)
        raise
    except SoftTimeLimitExceeded:
        message = f"The analysis took longer than the time limit of {settings.TASK_TIME_LIMIT} s."
        claims.finish(claimed, state=State.FAILED, error_code="time_limit", error=message)
    except Exception:
        _log.exception("prediction failed", prediction=claimed.pk)
        message = "The analysis failed unexpectedly. The cause is in the worker's log."
        claims.finish(claimed, state=State.FAILED, error_code="internal", error=message)
    return True


def _come_back(prediction_id: int) -> bool:
    """A run that waits for more slices is asked again when it has waited long enough."""
    waiting = Prediction.objects.filter(pk=prediction_id, state=State.QUEUED, not_before__gt=timezone.now()).first()
    if waiting is not None and waiting.not_before is not None:
        queue.send(waiting.pk, after=waiting.not_before - timezone.now())
    return False


def retry(*, prediction: Prediction, actor: Person) -> bool:
    """Queue a failed or canceled prediction again, under the active model. False if it is in another state by now,
    or if another run of the same scan and model is live."""
    version = model_versions.active()
    try:
        with transaction.atomic():
            changed = Prediction.objects.filter(pk=prediction.pk, state__in=(State.FAILED, State.CANCELED)).update(
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
                slices.forget(prediction)
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


def _work(claimed: Prediction) -> None:
    if claimed.scan.gathers:
        slices.arrange(claimed.scan)
    if _reuse(claimed):
        return
    model = model_versions.load(claimed.model_version)
    try:
        if claimed.scan.is_series:
            _read_series(claimed, model)
        else:
            _read_picture(claimed, model)
    except FileNotFoundError:
        message = "The scan's file is gone from the storage."
        claims.finish(claimed, state=State.FAILED, error_code="file_missing", error=message)
    except slices.StorageFault as error:
        if claimed.attempts < STORAGE_ATTEMPTS:
            raise StorageUnavailable(str(error)) from error
        _log.exception("scan cannot be read", prediction=claimed.pk)
        message = f"The scan's file could not be read from the storage, {claimed.attempts} times."
        claims.finish(claimed, state=State.FAILED, error_code="storage_unavailable", error=message)


def _read_series(claimed: Prediction, model: ml.Model) -> None:
    """The slices that have no result yet, for one turn; with the last one, what they say together."""
    for read in slices.outstanding(claimed, model):
        if not claims.mine(claimed).update(progress=read):
            return  # canceled, or taken over
        if claimed.started and timezone.now() - claimed.started > TURN:
            claims.next_turn(claimed)
            return
    summary = slices.summarize(claimed, model)
    claims.finish(claimed, vector=summary.pop("vector"), **summary)


def _read_picture(claimed: Prediction, model: ml.Model) -> None:
    """The one picture, and those that wait with it where that pays."""
    company = _company(claimed, model_versions.batch(model))
    if company:
        _read_together([claimed, *company], model)
    else:
        _record(claimed, ml.analyse(model, slices.stored(claimed.scan.file)))


def _company(claimed: Prediction, size: int) -> list[Prediction]:
    """Up to `size` - 1 other pictures that wait for the same model, claimed; what is known already is ended at once.

    A picture that was tried before goes alone: it may be what ended a worker, and shall take no other along.
    """
    if size < 2 or claimed.attempts > 1:
        return []
    waiting = Prediction.objects.filter(
        state=State.QUEUED,
        attempts=0,
        not_before=None,
        model_version=claimed.model_version,
        scan__frames=1,
        scan__stack="",
    )
    company: list[Prediction] = []
    pictures = {claimed.scan.pixel_sha256}  # the same one again is left for later, when its result is known
    for prediction_id, picture in waiting.order_by("queued").values_list("pk", "scan__pixel_sha256")[: 2 * size]:
        if len(company) == size - 1:
            break
        if picture not in pictures and (other := claims.claim(prediction_id)) and not _reuse(other):
            pictures.add(picture)
            company.append(other)
    return company


def _read_together(claimed: list[Prediction], model: ml.Model) -> None:
    """One forward pass for all. Whatever goes wrong, nobody pays for another's fault: who has no result by then goes
    back into the queue, and alone the next time."""
    try:
        sources = [partial(slices.decoded, one.scan.file) for one in claimed]  # one file in memory at a time
        for one, analysis in zip(claimed, ml.analyse_batch(model, sources), strict=True):
            _record(one, analysis)
    except Exception:
        _log.exception("a batch came to nothing; each picture is read alone", size=len(claimed))
        for one in claimed:
            if claims.release(one):
                queue.send(one.pk)


def _reuse(claimed: Prediction) -> bool:
    """End the run with what is known of the same pixels and model. False if nothing is."""
    known = _known_result(claimed)
    if known is None:
        return False
    vector = Embedding.objects.filter(prediction=known["reused_from"]).values_list("vector", flat=True).first()
    claims.finish(claimed, vector=vector, **known)
    return True


def _known_result(claimed: Prediction) -> dict[str, Any] | None:
    """The fields of an earlier result for the same pixels and model version, whoever uploaded them."""
    if claimed.model_version_id is None:
        return None
    same = Prediction.objects.filter(
        scan__pixel_sha256=claimed.scan.pixel_sha256, model_version=claimed.model_version_id, state__in=REUSABLE
    )
    if claimed.scan.is_series:  # slices may have come after that run, under another model
        same = same.filter(progress=claimed.scan.frames)
    earlier = same.order_by("id").first()
    if earlier is None:
        return None
    slices.copy_results(earlier, claimed)
    copied = (
        "state",
        "outcome",
        "uncertain",
        "tumor_probability",
        "type_probabilities",
        "evidence",
        "gate",
        "trained_on",
        "series",
        "progress",
        "engine",
        "milliseconds",
    )
    known = {name: getattr(earlier, name) for name in copied} | {"reused_from": earlier}
    return known | {"key_slice": slices.at(claimed.scan, earlier.key_slice.index) if earlier.key_slice else None}


def _record(claimed: Prediction, analysis: Analysis) -> None:
    fields = analysis.as_dict()
    del fields["model"]
    state = State.REFUSED if analysis.outcome == "refused" else State.DONE
    claims.finish(
        claimed, vector=None if analysis.embedding is None else pack(analysis.embedding), state=state, **fields
    )
