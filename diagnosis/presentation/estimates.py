"""How long a waiting prediction will take.

A status poll comes every second from every open page, so it must not look anything up. Whole pages and the queue
indicator look up the average run time and cache it; polls read the cached value.
"""

import time
from collections.abc import Iterable

from diagnosis.inference import broker, heartbeats
from diagnosis.models import Prediction
from diagnosis.models.prediction import State

_EXPIRES_AFTER = 60.0  # seconds for which a cached average is used
_REFRESH_AFTER = 10.0  # seconds after which a page looks it up again

_average: tuple[float, float | None] | None = None  # (monotonic time of the look-up, seconds per prediction)


def seconds_each(*, look_up: bool) -> float | None:
    """Seconds one prediction takes; None if unknown or while no worker runs. Without `look_up`: cached, no query."""
    global _average
    now = time.monotonic()
    if look_up and (_average is None or now - _average[0] > _REFRESH_AFTER):
        # Without a worker the queue does not move, however fast earlier predictions were.
        _average = (now, broker.estimate(1) if heartbeats.worker_status()["ready"] else None)
    if _average is None or now - _average[0] > _EXPIRES_AFTER:
        return None
    return _average[1]


def with_estimates(rows: Iterable[Prediction], *, look_up: bool) -> list[Prediction]:
    """The rows; each queued one gets `estimate`: seconds until it is done, from its `position`, or None. A running
    series gets the seconds that its remaining slices take if they go on as those before."""
    listed = list(rows)
    for row in listed:
        if row.state == State.RUNNING:
            row.estimate = _remaining(row)  # type: ignore[attr-defined]
    queued = [row for row in listed if row.state == State.QUEUED]
    each = seconds_each(look_up=look_up) if queued else None
    for row in queued:
        row.estimate = None if each is None else each * getattr(row, "position", 1)  # type: ignore[attr-defined]
    return listed


def _remaining(row: Prediction) -> float | None:
    """From the time per slice in the last turn; that of earlier turns is not kept."""
    each = row.milliseconds.get("slice")
    if each is None or not 0 < row.progress < row.scan.frames:
        return None
    return float(each) / 1000 * (row.scan.frames - row.progress)
