"""A limit for runaway scripts, far above what a busy one needs.

It counts requests, not files. A separate limit for uploads would bound nothing: one request may bring hundreds of
files, and the work that they cause waits in the queue.
"""

import time
from typing import Any

import redis
import structlog
from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.throttling import UserRateThrottle

_log = structlog.get_logger(__name__)

_PAUSE = 10.0
"""Seconds during which an unreachable cache is left alone, so that not every request waits for its time-out."""

_FAULTS = (redis.RedisError, OSError)


class UserThrottle(UserRateThrottle):
    """Counts each user's requests in fixed windows, atomically, in the cache. Without a cache it allows all."""

    duration: int
    num_requests: int
    _asked_again_at = 0.0

    def allow_request(self, request: Request, view: Any) -> bool:
        if time.monotonic() < UserThrottle._asked_again_at:
            return True
        window, elapsed = divmod(time.time(), self.duration)
        self._left = self.duration - elapsed
        try:
            return _count(f"{self.get_cache_key(request, view)}:{window:.0f}", self.duration) <= self.num_requests
        except _FAULTS as error:
            UserThrottle._asked_again_at = time.monotonic() + _PAUSE
            _log.warning("cache unreachable; requests are not limited", error=str(error))
            return True

    def wait(self) -> float:
        """Seconds until the next window."""
        return self._left


def _count(key: str, seconds: int) -> int:
    cache.add(key, 0, timeout=seconds)
    try:
        return int(cache.incr(key))
    except ValueError:  # the key expired or was evicted between the two calls
        return 1
