"""What peers can make the listener hold: limits that pynetdicom leaves to its user.

A peer is a stranger until its association is accepted, and what it sends before counts, too.
"""

import io
import threading
from typing import Any

from pynetdicom.dimse_messages import DIMSEMessage

MAX_PDU = 1024 * 1024
"""Bytes that one protocol data unit may claim. We offer 64 KB; a request with 128 contexts has about 100 KB."""
_WAITING = 2
"""Messages that may wait in an association. We negotiate one at a time."""


class Budget:
    """How many bytes of objects may be held: in one object, and in all that come at the same time."""

    def __init__(self, *, one: int, together: int) -> None:
        self.one, self._left = one, together
        self._lock = threading.Lock()

    def take(self, count: int) -> bool:
        with self._lock:
            if count > self._left:
                return False
            self._left -= count
            return True

    def give_back(self, count: int) -> None:
        with self._lock:
            self._left += count


class Limited(io.BytesIO):
    """A buffer for one object. Where the budget ends, it lets go of everything, and says so."""

    def __init__(self, budget: Budget) -> None:
        super().__init__()
        self._budget, self._taken = budget, 0
        self.overflowed = False

    def write(self, data: Any) -> int:
        if self.overflowed:
            return len(data)
        if self._taken + len(data) > self._budget.one or not self._budget.take(len(data)):
            self.overflowed = True
            self.release()
            return len(data)
        self._taken += len(data)
        return super().write(data)

    def release(self) -> None:
        """Let go of the bytes."""
        self.seek(0)
        self.truncate()
        self._budget.give_back(self._taken)
        self._taken = 0

    def __del__(self) -> None:  # an association may end in the midst of an object
        self._budget.give_back(self._taken)


def apply(association: Any, budget: Budget) -> None:
    """Limit a new association: what exceeds the budget is dropped as it comes."""
    transport, dimse = association.dul.socket, association.dimse
    receive, read = dimse.receive_primitive, transport.recv

    def bounded_read(count: int) -> bytearray:
        if count > MAX_PDU:
            raise OSError("the peer announced a data unit that is too large")
        found: bytearray = read(count)
        return found

    def bounded_receive(primitive: Any) -> None:
        if dimse.msg_queue.qsize() > _WAITING:
            association.abort(block=False)
            return
        if dimse.message is None:
            dimse.message = DIMSEMessage()
            dimse.message.data_set = Limited(budget)
        receive(primitive)

    transport.recv = bounded_read
    dimse.receive_primitive = bounded_receive
