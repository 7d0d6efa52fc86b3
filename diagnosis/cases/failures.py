"""A failure on one case must neither stop the work on the next ones nor go unnoticed."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError

_log = structlog.get_logger(__name__)

_CONCERNS_ALL = (SoftTimeLimitExceeded, OperationalError, InterfaceError)


class Unfinished(Exception):
    """Everything else was done. The message names what was not."""


class Failures:
    """What failed so far, each as `case 7`."""

    def __init__(self) -> None:
        self.names: list[str] = []

    @contextmanager
    def noted(self, name: str) -> Iterator[None]:
        """Log an error and go on. Errors that concern every case, such as an unreachable database, are raised."""
        try:
            yield
        except _CONCERNS_ALL:
            raise
        except Exception:
            _log.exception("retention failed", of=name)
            self.names.append(name)

    def report(self) -> None:
        """At the end. Raises Unfinished if anything failed."""
        if self.names:
            raise Unfinished(f"These could not be deleted, and the log says why: {', '.join(self.names)}.")
