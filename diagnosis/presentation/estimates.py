"""What to tell people who wait: how long it will take, and which fragment of which page to send them.

The average run time is looked up when a whole page or the queue indicator is rendered, and remembered for a moment: a
status poll comes every second from everybody, and must cost one query whatever the number of rows.
"""

import time
from collections.abc import Iterable

from diagnosis.inference import broker
from diagnosis.models import Prediction
from diagnosis.models.prediction import State

_MEMORY = 60.0  # seconds for which a remembered average is told
_FRESH = 10.0  # seconds after which a page looks it up again

FRAGMENTS = {
    "row": "diagnosis/_fragments/history_row.html",
    "upload": "diagnosis/_fragments/upload_row.html",
    "badge": "diagnosis/_fragments/scan_card.html",
    "result": "diagnosis/_fragments/result_ready.html",
}
"""What replaces a row that has ended, by the page it stands on."""

MAX_POLLED = 200
"""Most predictions one status request answers for; pages ask for their first ones, and for the rest as those end."""

_average: tuple[float, float | None] | None = None  # (monotonic time of the look-up, seconds a prediction)


def seconds_each(*, look_up: bool) -> float | None:
    """Seconds one prediction takes; None if unknown or without a worker. Without `look_up`: as remembered, no query."""
    global _average
    now = time.monotonic()
    if look_up and (_average is None or now - _average[0] > _FRESH):
        # Without a worker nobody's turn comes, however fast the last ones went.
        _average = (now, broker.estimate(1) if broker.worker_status()["ready"] else None)
    if _average is None or now - _average[0] > _MEMORY:
        return None
    return _average[1]


def with_estimates(rows: Iterable[Prediction], *, look_up: bool) -> list[Prediction]:
    """The rows, each waiting one with `estimate`: seconds until it is done, by its `position`."""
    listed = list(rows)
    waiting = [row for row in listed if row.state == State.QUEUED]
    each = seconds_each(look_up=look_up) if waiting else None
    for row in waiting:
        row.estimate = None if each is None else each * getattr(row, "position", 1)  # type: ignore[attr-defined]
    return listed


def polled_ids(values: Iterable[str]) -> list[int]:
    """The ids among `values`, each once, at most MAX_POLLED. What is no id is passed over."""
    numbers = dict.fromkeys(int(v) for v in values if v.isascii() and v.isdecimal() and len(v) < 19)
    return list(numbers)[:MAX_POLLED]
