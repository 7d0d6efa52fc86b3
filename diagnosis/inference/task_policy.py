"""The one decorator for tasks: every task has the same retry policy. The linter refuses `shared_task` elsewhere.

Tasks retry with back-off after a fault of database, broker or storage, and after nothing else: the same input would
fail the same way. Late acknowledgement, time limits and prefetch are in the settings.
"""

from collections.abc import Callable
from typing import Any

from celery import shared_task  # noqa: TID251
from redis.exceptions import ConnectionError as RedisConnectionError

from diagnosis.inference.pipeline import INFRASTRUCTURE_FAULTS


def background_task(*, name: str) -> Callable[[Callable[..., Any]], Any]:
    """Register a function as the task `name`. It should take keyword-only ids and make one domain call."""
    return shared_task(
        name=name,
        autoretry_for=(*INFRASTRUCTURE_FAULTS, RedisConnectionError),
        max_retries=5,
        retry_backoff=1,
        retry_backoff_max=30,
        retry_jitter=True,
    )
