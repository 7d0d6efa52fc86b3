"""Limits of a web process: bytes of files in memory, and uploads at the same time."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

T = TypeVar("T")


class Busy(Exception):
    """Every upload slot is taken. seconds: when to try again."""

    seconds = 5

    def __str__(self) -> str:
        return "The site is busy with as many uploads as it can take. Nothing of this one was kept. Try again soon."


class PerPerson(Generic[T]):
    """One object for each person, such as a semaphore, kept as long as somebody uses it."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make, self._lock = make, threading.Lock()
        self._made: WeakValueDictionary[int | None, T] = WeakValueDictionary()

    def of(self, person: int | None) -> T:
        """The same for the same id."""
        with self._lock:
            found = self._made.get(person)
            if found is None:
                found = self._made[person] = self._make()
            return found


class MemoryBudget:
    """`size` bytes that all uploads of this process share."""

    def __init__(self, size: int) -> None:
        self._size, self._used = size, 0
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()

    @contextmanager
    def held(self, wanted: int) -> Iterator[None]:
        """Hold `wanted` bytes until the block ends; wait for them first.

        A file larger than the whole budget is admitted alone. An empty file never waits.
        """
        held = min(wanted, self._size)
        if held:
            self._acquire(held)
        try:
            yield
        finally:
            with self._changed:
                self._used -= held
                self._changed.notify_all()

    def _acquire(self, wanted: int) -> None:
        # FIFO: small files cannot starve a large one.
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                self._changed.wait_for(lambda: self._waiting[0] is ticket and self._used + wanted <= self._size)
                self._used += wanted
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()


class UploadSlots:
    """`count` slots, one for each upload under way.

    An upload keeps a thread of the web server busy until it is done, also while it waits for memory or for its turn to
    decode. Fewer slots than threads leave some threads for pages.

    patience: seconds to wait for a slot. Many small uploads that arrive together then all get one.
    """

    def __init__(self, count: int, *, patience: float = 0.0) -> None:
        self._free, self._patience = threading.Semaphore(count), patience
        self._thread = threading.local()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold a slot until the block ends. A thread that already holds one needs no second. Raises Busy."""
        if getattr(self._thread, "holds_one", False):
            yield
            return
        if not self._free.acquire(timeout=self._patience):
            raise Busy
        self._thread.holds_one = True
        try:
            yield
        finally:
            self._thread.holds_one = False
            self._free.release()
