"""Which processes of the site are alive: each has a `Heartbeat` row and updates its time every few seconds.

`Watch` decides by whether that time changes, never by comparing it with a clock: clocks of machines differ, and they
jump.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from diagnosis.models import Heartbeat
from diagnosis.models.heartbeat import Role

INTERVAL = 1.5
"""Seconds between heartbeats of a worker process."""

MAX_MISSED = 4
"""Looks in a row, INTERVAL seconds apart, in which a heartbeat has not moved, and after which its process is dead."""

_SHOWN_FOR = timedelta(seconds=20)
"""Pages look only once, so they use the clock: a process that was seen within this time is alive."""

_BEAT_SHOWN_FOR = timedelta(seconds=50)
"""Beat moves its heartbeat when it sends something: every 15 seconds, the sweep."""

NO_BEAT = "Beat is not running: nothing is swept, and the trash is not emptied."
NO_WORKER = "No worker is running: uploads are accepted and wait."


class _Own:
    """This process's heartbeat. id is None until it has been written. let_go: an earlier one was given up."""

    id: UUID | None = None
    let_go = False
    lock = threading.Lock()
    role = Role.WORKER
    facts: dict[str, str] = {}


def current() -> UUID | None:
    """The heartbeat of this process, by which its claims are held; None if it has none."""
    return _Own.id


def report(*, model: str, problem: str = "") -> None:
    """Report with the next heartbeats which model this process has loaded, or why it has none."""
    _Own.facts = {"model": model, "problem": problem}


def beat(*, role: Role = Role.WORKER) -> None:
    """Move the time of this process's heartbeat. Raises the errors of the database.

    A process that stood still for so long that others took over what it held begins a new one.
    """
    with _Own.lock:
        now = timezone.now()
        if _Own.id is not None and Heartbeat.objects.filter(pk=_Own.id).update(seen=now, **_Own.facts):
            return
        row = Heartbeat(id=uuid4(), role=role, process=f"{socket.gethostname()}:{os.getpid()}", seen=now, **_Own.facts)
        row.save(force_insert=True)
        _Own.id, _Own.let_go = row.pk, False


def begin_again() -> None:
    """Begin a new heartbeat. What this process holds under the old one is soon taken over, perhaps by itself.

    Call it when the process cannot know what it holds, because the database failed while it claimed or released
    something.
    """
    _Own.id, _Own.let_go = None, True


@contextmanager
def beginning_again() -> Iterator[None]:
    """`begin_again` after any error, for steps that change what this process holds."""
    try:
        yield
    except Exception:
        begin_again()
        raise


def be_known() -> None:
    """Before claiming: begin a new heartbeat if the earlier one was given up. Raises the errors of the database."""
    if _Own.let_go:
        beat()


def stop() -> None:
    """Delete the heartbeat of this process, which ends normally."""
    if _Own.id is not None:
        Heartbeat.objects.filter(pk=_Own.id).delete()
        _Own.id = None


def forget_beat() -> None:
    """Delete the heartbeat of an earlier beat, before another one starts."""
    Heartbeat.objects.filter(role=Role.BEAT).delete()


def forget_all() -> None:
    """Delete all heartbeats, before any process of the site starts."""
    Heartbeat.objects.all().delete()


class Watch:
    """Finds the worker processes that are dead. `look` is called every INTERVAL seconds.

    It counts looks, not seconds, so that a process that was itself paused does not take all others for dead.
    """

    def __init__(self) -> None:
        self._known: dict[UUID, tuple[Any, int]] = {}

    def reset(self) -> None:
        """Forget what was seen so far: the database was away, so no heartbeat could move."""
        self._known = {}

    def look(self) -> list[Heartbeat]:
        """The processes whose heartbeat has stood still for MAX_MISSED looks."""
        workers, known = Heartbeat.objects.filter(role=Role.WORKER), self._known
        found = [row for row in workers if row.pk != _Own.id]
        self._known = {}
        for row in found:
            seen, still = known.get(row.pk, (None, 0))
            self._known[row.pk] = (row.seen, still + 1 if seen == row.seen else 0)
        return [row for row in found if self._known[row.pk][1] >= MAX_MISSED]


def end(dead: Heartbeat) -> bool:
    """Delete a heartbeat that has stopped. False if it has moved or gone by now."""
    return bool(Heartbeat.objects.filter(pk=dead.pk, seen=dead.seen).delete()[0])


def worker_status() -> dict[str, Any]:
    """The live worker processes: {"ready": whether all that have reported can predict, "count", "models": labels}, and
    if not, "problem": a sentence. One query."""
    now = timezone.now()
    rows = Heartbeat.objects.filter(role=Role.WORKER, seen__range=(now - _SHOWN_FOR, now + _SHOWN_FOR))
    living = list(rows.values_list("model", "problem"))
    models = sorted({model for model, problem in living if model and not problem})
    problems = [problem for _, problem in living if problem]
    status: dict[str, Any] = {"ready": bool(models and not problems), "count": len(living), "models": models}
    if not status["ready"]:
        problems.append("The worker has not loaded its model yet." if living else NO_WORKER)
        status["problem"] = problems[0]
    return status


def another_has(model: str) -> bool:
    """Whether another living worker process has loaded this model (its label), and can predict with it. One query."""
    now = timezone.now()
    alive = Heartbeat.objects.filter(role=Role.WORKER, seen__range=(now - _SHOWN_FOR, now + _SHOWN_FOR))
    having = alive.filter(model=model, problem="").values_list("pk", flat=True)
    return any(pk != _Own.id for pk in having)


def beat_status() -> dict[str, Any]:
    """Whether beat runs: {"ready"}, and as "problem" a sentence if not. One query."""
    now = timezone.now()
    if Heartbeat.objects.filter(role=Role.BEAT, seen__range=(now - _BEAT_SHOWN_FOR, now + _BEAT_SHOWN_FOR)).exists():
        return {"ready": True}
    return {"ready": False, "problem": NO_BEAT}
