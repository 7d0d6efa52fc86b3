"""Once an hour, beat purges what has been in the trash long enough and moves expired cases there."""

import structlog

from diagnosis.cases import purge, retention
from diagnosis.cases.failures import Failures

_log = structlog.get_logger(__name__)


def run() -> None:
    """Purge, then expire: expiring looks at every old case, and may hit the task's time limit hour after hour.

    Raises Unfinished at the end if something could not be deleted."""
    failures = Failures()
    done = purge.purge(failures)
    if done.scans or done.files:
        _log.info("purged", cases=done.cases, scans=done.scans, files=done.files)
    if expired := retention.expire(failures):
        _log.info("expired", cases=expired)
    failures.report()
