"""A process's heartbeat is the lease on its claims: this renews it, and takes over the claims of dead processes.

Every worker process runs one `Keeper`. So the claims of a killed process are queued again within `MAX_MISSED` looks,
about seven seconds, by any live worker, whether or not beat runs. A slow process keeps its claims, as its keeper is a
thread of its own. One that was paused finds its claims taken over: its late results fail the condition of every change
in `transitions`, so nothing is recorded twice.
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
        """Return once the thread has ended, which takes at most as long as a query."""
        self._over.set()
        self.join()

    def tick(self) -> None:
        """Beat, then look. After a failed write, do not judge other processes: they could not write either."""
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
