"""Writers that overlap, for tests of PostgreSQL: SQLite has one writer at a time."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
from django.db import connection

overlapping = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time"),
]
"""Marks of a test that needs them."""

PATIENCE = 20.0
"""Seconds after which two writers wait for each other for good."""


class Beside:
    """Starts `work` in a thread, on a connection of its own, which is closed whatever happens: one that is left open
    fails whatever test is running when it is found."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._result: Any = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._result = self._work()
        except BaseException as error:  # raised again in the test's thread
            self._error = error
        finally:
            connection.close()

    def result(self) -> Any:
        """What `work` returned, for which this waits. Raises what it raised."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "it still waits"
        if self._error is not None:
            raise self._error
        return self._result


class Meanwhile(Beside):
    """One that has to wait for the test's transaction. Returns once PostgreSQL says that it does."""

    def __init__(self, work: Callable[[], Any]) -> None:
        backend: Future[int] = Future()

        def begin() -> Any:
            connection.ensure_connection()
            backend.set_result(connection.connection.info.backend_pid)
            return work()

        super().__init__(begin)
        while self._thread.is_alive() and not _is_blocked(backend.result(PATIENCE)):
            self._thread.join(0.01)
        assert self._thread.is_alive(), f"it did not wait: {self._error or self._result!r}"


def wait_for_blocked(*, by: int) -> None:
    """Returns once another connection waits for what this backend of PostgreSQL holds, or after PATIENCE."""
    until = time.monotonic() + PATIENCE
    blocked = False
    while not blocked and time.monotonic() < until:
        with connection.cursor() as cursor:
            cursor.execute("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid)))", [by])
            blocked = bool(cursor.fetchone()[0])
        time.sleep(0.01)


def _is_blocked(backend: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", [backend])
        return bool(cursor.fetchone()[0])
