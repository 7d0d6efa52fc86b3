"""Time of concurrent passes, divided among them.

Two passes that share the cores each take twice as long, though together no longer than one after the other. Wall time
would charge each of them for both.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter


class SharedTimer:
    """Divides elapsed time equally among the blocks that run at each moment: the parts add up to the wall time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self._updated = 0.0
        self._elapsed_each = 0.0  # seconds charged to a block that has run from the beginning

    @contextmanager
    def measure(self) -> Iterator[list[float]]:
        """Run the block; afterwards the list holds one number, the block's part in seconds."""
        seconds: list[float] = []
        start = self._change_running(+1)
        try:
            yield seconds
        finally:
            seconds.append(self._change_running(-1) - start)

    def _change_running(self, by: int) -> float:
        with self._lock:
            now = perf_counter()
            if self._running:
                self._elapsed_each += (now - self._updated) / self._running
            self._running, self._updated = self._running + by, now
            return self._elapsed_each
