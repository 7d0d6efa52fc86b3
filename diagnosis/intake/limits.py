"""How many bytes of files a process holds at once, and how many uploads, however many requests bring them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Busy(Exception):
    """All places are taken. seconds: after which it is worth asking again."""

    seconds = 5

    def __str__(self) -> str:
        return "The site is taking in as many uploads as it can just now. Nothing of this one was kept. Try again soon."


class Room:
    """Room for `size` bytes. Who finds too little waits, in turn; what is larger than all of it goes alone.

    places: for how many there is one at a time. Whoever waits keeps a thread of the web server busy, and waits for more
    than bytes: one file is decoded at a time. So it is all uploads under way that are counted, and some threads are
    left for pages, but for the `patience`, in seconds, in which many small ones get their places in turn.
    """

    def __init__(self, size: int, *, places: int = 1, patience: float = 0.0) -> None:
        self._size, self._used, self._patience = size, 0, patience
        self._turn, self._changed = threading.Lock(), threading.Condition()
        self._places, self._mine = threading.Semaphore(places), threading.local()

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place until the block ends. A thread that has one needs no second. Raises Busy."""
        if getattr(self._mine, "taken", False):
            yield
            return
        if not self._places.acquire(timeout=self._patience):
            raise Busy
        self._mine.taken = True
        try:
            yield
        finally:
            self._mine.taken = False
            self._places.release()

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
