"""How many bytes of files a process holds at once, however many requests bring them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Room:
    """Room for `size` bytes. Who finds too little waits, in turn; what is larger than all of it goes alone."""

    def __init__(self, size: int) -> None:
        self._size, self._used = size, 0
        self._turn, self._changed = threading.Lock(), threading.Condition()

    @contextmanager
    def held(self, wanted: int) -> Iterator[None]:
        """Hold so many bytes of it until the block ends. Who wants none does not wait."""
        taken = min(wanted, self._size)
        if taken:
            self._take(taken)
        try:
            yield
        finally:
            with self._changed:
                self._used -= taken
                self._changed.notify_all()

    def _take(self, wanted: int) -> None:
        # One waits at the door, and the others behind it: a large one is not passed by small ones forever.
        with self._turn, self._changed:
            self._changed.wait_for(lambda: self._used + wanted <= self._size)
            self._used += wanted
