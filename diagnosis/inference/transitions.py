"""A worker's hold on a prediction: taken, given back, ended, each by a conditional UPDATE whose row count is checked.

So a message delivered twice does the work once, and the result of a run that was canceled or taken over is dropped.
"""

from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from diagnosis.inference import broker
from diagnosis.models import Embedding, Prediction
from diagnosis.models.prediction import State

AGAIN_AFTER = timedelta(seconds=30)
"""Who was given back has a message of its own in the queue, as a rule; after so long it is taken to be lost."""

_LOOK = 8  # rows that others may be taking just now
_log = structlog.get_logger(__name__)


def claim(prediction_id: int, **only: Any) -> Prediction | None:
    """Take a prediction that waits and is ripe; None if it does not, or somebody else was faster. `only` if its row
    still is so."""
    now = timezone.now()
    waiting = Prediction.objects.filter(_ripe(now), pk=prediction_id, state=State.QUEUED, **only)
    claimed = waiting.update(state=State.RUNNING, started=now, attempts=F("attempts") + 1)
    if not claimed:
        return None
    rows = Prediction.objects.select_related("scan", "model_version").defer("model_version__manifest")
    return rows.get(pk=prediction_id)


def fresh() -> QuerySet[Prediction]:
    """What waits, is ripe and was never tried, in the order in which it came."""
    return _waiting().filter(attempts=0)


def claim_next() -> Prediction | None:
    """Take what waits first; None if nothing does. For a worker whose message came too late: it is awake anyway.

    What was tried before has a message of its own, and is waited for; but not behind a queue that never ends.
    """
    mine = Q(attempts=0) | Q(queued__lt=timezone.now() - AGAIN_AFTER)
    for prediction_id in _waiting().filter(mine).values_list("pk", flat=True)[:_LOOK]:
        if taken := claim(prediction_id):
            return taken
    return None


def _waiting() -> QuerySet[Prediction]:
    return Prediction.objects.filter(_ripe(timezone.now()), state=State.QUEUED).order_by("queued", "id")


def _ripe(now: datetime) -> Q:
    return Q(not_before=None) | Q(not_before__lte=now)


def release(claimed: Prediction) -> bool:
    """Back into the queue, to be tried again. False if the claim was over already. Whoever gives up sends it, too."""
    changed = mine(claimed).update(state=State.QUEUED, started=None, queued=timezone.now())
    return bool(changed)


def next_turn(claimed: Prediction) -> None:
    """Back into the queue, behind whoever waits: a turn is over, or slices have come. It is no failed attempt."""
    if mine(claimed).update(state=State.QUEUED, started=None, queued=timezone.now(), attempts=0):
        claimed.refresh_from_db(fields=["not_before"])
        broker.send_on_commit(claimed)


def finish(claimed: Prediction, *, vector: bytes | memoryview | None = None, **fields: Any) -> None:
    """End the run as `fields` say, with the packed embedding by which similar scans find it, both or neither."""
    with transaction.atomic():
        # What came meanwhile has moved `not_before`; whatever this run knows is not the whole series then.
        if not mine(claimed).filter(not_before=claimed.not_before).update(finished=timezone.now(), **fields):
            if mine(claimed).exists():
                next_turn(claimed)
                return
            _log.info("result dropped: the prediction was canceled or taken over", prediction=claimed.pk)
        elif vector is not None and claimed.model_version is not None:
            Embedding.objects.create(prediction=claimed, model_version=claimed.model_version, vector=vector)


def mine(claimed: Prediction) -> QuerySet[Prediction]:
    """The row, as long as this very claim holds it. A retry counts attempts anew, so the claim's time is asked, too."""
    return Prediction.objects.filter(
        pk=claimed.pk, state=State.RUNNING, attempts=claimed.attempts, started=claimed.started
    )
