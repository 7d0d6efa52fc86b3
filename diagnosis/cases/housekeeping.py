"""What the beat does once an hour: expired cases go to the trash, and what was there long enough is purged."""

import structlog

from diagnosis.cases import purge, retention

_log = structlog.get_logger(__name__)


def run() -> None:
    """Expire, then purge."""
    expired = retention.expire()
    done = purge.purge()
    if expired or done.scans or done.files:
        _log.info("trash", expired=expired, cases=done.cases, scans=done.scans, files=done.files)
