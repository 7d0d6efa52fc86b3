"""The message broker (Redis or Valkey), which takes predictions to the worker.

Messages carry only ids and may be lost or delivered twice: the database is the source of truth. A failed send is logged
and left to the sweep, so an upload succeeds while the broker is down.
"""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import redis
import structlog
from celery import current_app
from django.conf import settings
from django.db import transaction
from django.db.models import Avg, FloatField
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from kombu.exceptions import OperationalError
from redis.backoff import NoBackoff
from redis.retry import Retry

from diagnosis.models import Prediction
from diagnosis.models.prediction import REUSABLE

RUN_PREDICTION = "diagnosis.run_prediction"
QUEUE = "celery"

_CLOCK_SKEW = timedelta(milliseconds=50)  # between the worker's machine and the database's
_log = structlog.get_logger(__name__)


def send_on_commit(prediction_id: int, *, not_before: datetime | None = None) -> None:
    """Send a prediction's id to the worker when the current transaction commits.

    Whatever goes wrong with that is logged: raised, it would look as if the transaction had failed.
    """
    transaction.on_commit(lambda: send(prediction_id, not_before=not_before), robust=True)


def send(prediction_id: int, *, not_before: datetime | None = None) -> None:
    """Send a prediction's id to the worker, which holds it until `not_before`.

    Logs a broker that does not answer, and does not raise: the sweep sends the id again.
    """
    try:
        current_app.send_task(
            RUN_PREDICTION,
            kwargs={"prediction_id": prediction_id},
            eta=None if not_before is None else not_before + _CLOCK_SKEW,
            retry_policy={"max_retries": 1, "interval_start": 0},
        )
    except (OperationalError, redis.RedisError, OSError) as error:
        _log.warning("broker unreachable; the sweep will send it", prediction=prediction_id, error=str(error))


def length() -> int | None:
    """Messages waiting in the broker, or None if it does not answer."""
    try:
        return int(_client().llen(QUEUE))
    except redis.RedisError:
        return None


def broker_status() -> dict[str, Any]:
    """Does the broker answer? {"ready": bool, "problem": sentence if not}."""
    try:
        _client().ping()
    except redis.RedisError:
        return {"ready": False, "problem": "The broker (Redis) does not answer."}
    return {"ready": True}


def estimate(position: int) -> float | None:
    """Seconds until the prediction at `position` (from 1) is done, from the last 20 analyses; None before any.

    Uses the analyses' own times: the time from claim to result overlaps, because an image is read while another is in
    the network.
    """
    taken = Cast(KT("milliseconds__total"), FloatField())
    recent = Prediction.objects.filter(state__in=REUSABLE, reused_from=None).order_by("-id")[:20]
    average = recent.annotate(taken=taken).aggregate(mean=Avg("taken"))["mean"]
    return None if average is None else average / 1000 * max(position, 1) / settings.WORKERS


@lru_cache(maxsize=1)
def _client() -> redis.Redis:
    # By default redis-py retries three times with seconds in between, for which every page would wait.
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2, retry=Retry(NoBackoff(), 1)
    )
