"""How long something took of its own when others ran beside it on the same cores.

Two passes at once take twice as long each, and no longer together. Told by the clock alone, each would seem to cost all
of that time.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter


class SharedClock:
    """A clock that goes half as fast while two are at work, and so on: all shares add up to the time that passed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._working, self._since, self._told = 0, 0.0, 0.0

    @contextmanager
    def work(self) -> Iterator[list[float]]:
        """Work until the block ends; then the list holds the share in seconds."""
        share: list[float] = []
        start = self._change(+1)
        try:
            yield share
        finally:
            share.append(self._change(-1) - start)

    def _change(self, by: int) -> float:
        with self._lock:
            now = perf_counter()
            if self._working:
                self._told += (now - self._since) / self._working
            self._working, self._since = self._working + by, now
            return self._told
