"""The one decorator by which tasks are made; raw `shared_task` is not used elsewhere.

Late acknowledgement, time limits and prefetch stand in the settings. Here: a lost database or broker connection is
tried again with back-off, and nothing else is, because the same input would fail the same way.
"""

from collections.abc import Callable
from typing import Any

from celery import shared_task
from redis.exceptions import ConnectionError as RedisConnectionError

from diagnosis.inference.pipeline import INFRASTRUCTURE_FAULTS


def background_task(*, name: str) -> Callable[[Callable[..., Any]], Any]:
    """Make a function the task `name`. It takes keyword-only ids and makes one domain call."""
    return shared_task(
        name=name,
        autoretry_for=(*INFRASTRUCTURE_FAULTS, RedisConnectionError),
        max_retries=5,
        retry_backoff=1,
        retry_backoff_max=30,
        retry_jitter=True,
    )
