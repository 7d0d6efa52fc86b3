"""A worker process checks the model that it predicts with: its files' digests, and what it computes for a drawn head.

At start, once a day, and whenever a file of the active version changes or another version becomes active. What it finds
goes out with the process's heartbeat, so that `/health/ready` and the admin say it. While something is wrong it looks
again every few seconds, so a model that was repaired counts at once, without a restart.
"""

import threading
import time
from contextlib import suppress

import structlog
from django.db import Error, connection

from diagnosis.inference import heartbeats, model_versions
from ml.contracts import ModelUnavailable

INTERVAL = 10.0
"""Seconds between looks at the files; a look costs a query and two calls of stat."""
DAY = 24 * 60 * 60.0

_log = structlog.get_logger(__name__)


class SelfCheck(threading.Thread):
    """Looks every INTERVAL seconds until `stop`."""

    def __init__(self) -> None:
        super().__init__(name="self-check", daemon=True)
        self._over = threading.Event()
        self._checked: float | None = None
        self._files: tuple[object, ...] = ()

    def first(self) -> None:
        """Before the first task, in the thread that will predict: TensorFlow is loaded here."""
        self._check()

    def run(self) -> None:
        """In its own thread."""
        while not self._over.wait(INTERVAL):
            self.look()
        connection.close()

    def stop(self) -> None:
        """Return once the thread has ended."""
        self._over.set()
        if self.is_alive():
            self.join()

    def look(self) -> None:
        """Check if something has changed, if something was wrong, or if the last check is a day old."""
        try:
            current = model_versions.active_files()
            if self._checked is None or time.monotonic() - self._checked > DAY or current != self._files:
                self._check()
        except Exception as error:  # this thread must go on; the next look says more
            _log.warning("the model could not be checked", error=repr(error))
            with suppress(Error):
                connection.close()

    def _check(self) -> None:
        self._checked = None
        try:
            self._files = model_versions.active_files()
            label = model_versions.verify_active()
        except ModelUnavailable as error:
            _log.error("no usable model", code=error.code, problem=error.message)
            heartbeats.report(model="", problem=error.message)
        except Error as error:  # the next look asks again
            _log.warning("the model could not be checked", error=str(error))
        else:
            self._checked = time.monotonic()
            _log.info("model loaded and checked", model=label)
            heartbeats.report(model=label)
