"""A claim is held by its process's heartbeat, as by a lease: this renews it, and takes over what the dead held.

Every worker process runs one `Keeper`. So what a killed one held is queued again within `MAX_MISSED` looks, about seven
seconds, by any that lives, whether or not beat runs. A slow process keeps its claims, as its keeper is a thread of its
own. One that was paused finds its claims taken over: its late results fail the condition of every change in
`transitions`, so nothing is recorded twice.
"""

import threading
from contextlib import suppress

import structlog
from django.db import Error, connection

from diagnosis.inference import heartbeats, transitions

_log = structlog.get_logger(__name__)


class Keeper(threading.Thread):
    """Beats, and looks after the others, every `heartbeats.INTERVAL` seconds until `stop`."""

    def __init__(self) -> None:
        super().__init__(name="leases", daemon=True)
        self._over = threading.Event()
        self._watch = heartbeats.Watch()

    def run(self) -> None:
        """In its own thread."""
        while not self._over.wait(heartbeats.INTERVAL):
            self.tick()
        connection.close()

    def stop(self) -> None:
        """Return once the thread has ended, which takes no longer than a query does."""
        self._over.set()
        self.join()

    def tick(self) -> None:
        """Beat, then look. Who could not write says nothing about others: they could not, either."""
        try:
            heartbeats.beat()
            for silent in self._watch.look():
                if heartbeats.end(silent):
                    _log.warning("a worker is gone", process=silent.process, seen=silent.seen.isoformat())
            if taken := transitions.take_over():
                _log.warning("predictions of a lost worker are queued again", count=taken)
        except Exception as error:  # whatever it is, this thread goes on: without it, living claims would be taken over
            _log.warning("no heartbeat could be written", error=repr(error))
            self._watch.reset()
            with suppress(Error):
                connection.close()
