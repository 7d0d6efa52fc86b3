"""How often one person may ask: a ceiling for runaway scripts, far above what a busy one needs.

Requests are counted, not their files: one upload may bring hundreds. A scope of its own for uploads would bound
nothing, since the work lies in the files, and those wait in the queue.
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
"""Seconds for which an unreachable cache is not asked again: a dead server must not cost every request its time-out."""

_FAULTS = (redis.RedisError, OSError)


class UserThrottle(UserRateThrottle):
    """Counts each person's requests in fixed windows, atomically, in the cache. No cache, no limit: the log says so."""

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
    except ValueError:  # the window ended, or the key was evicted, between the two calls
        return 1
