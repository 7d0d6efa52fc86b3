"""What could not be done to one case must not stop what is due for those after it, nor go unnoticed."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError

_log = structlog.get_logger(__name__)

_CONCERNS_ALL = (SoftTimeLimitExceeded, OperationalError, InterfaceError)


class Unfinished(Exception):
    """All else is done. The message names what is not."""


class Failures:
    """What failed so far, each as `case 7`."""

    def __init__(self) -> None:
        self.names: list[str] = []

    @contextmanager
    def noted(self, name: str) -> Iterator[None]:
        """Log an error and go on. What concerns all alike, as a database that is away, is raised."""
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
