"""Limits that pynetdicom lacks on what a sender can make the listener hold in memory.

A caller is unknown until its association is accepted, and everything it sends before that counts too. pynetdicom has
no public hook at these two points, so `limit_association` wraps two of its methods; a test pins the version for which
they were checked.
"""

import io
import threading
from typing import Any

from pynetdicom.dimse_messages import DIMSEMessage

MAX_PDU = 1024 * 1024
"""Bytes that one protocol data unit may announce. We offer 64 KB; a request with 128 contexts has about 100 KB."""
_MAX_QUEUED = 2
"""Messages that may be queued in an association; we negotiate one operation at a time."""


class ReceiveBudget:
    """How many bytes may be held: per object, and for all objects being received at the same time."""

    def __init__(self, *, per_object: int, total: int) -> None:
        self.per_object, self._left = per_object, total
        self._lock = threading.Lock()

    def take(self, count: int) -> bool:
        """Reserve `count` bytes; False if that many are not left."""
        with self._lock:
            if count > self._left:
                return False
            self._left -= count
            return True

    def give_back(self, count: int) -> None:
        with self._lock:
            self._left += count


class BoundedBuffer(io.BytesIO):
    """A buffer for one object. When the budget runs out it drops its content and sets `overflowed`."""

    def __init__(self, budget: ReceiveBudget) -> None:
        super().__init__()
        self._budget, self._taken = budget, 0
        self.overflowed = False

    def write(self, data: Any) -> int:
        if self.overflowed:
            return len(data)
        if self._taken + len(data) > self._budget.per_object or not self._budget.take(len(data)):
            self.overflowed = True
            self.release()
            return len(data)
        self._taken += len(data)
        return super().write(data)

    def release(self) -> None:
        """Drop the content and return its bytes to the budget."""
        self.seek(0)
        self.truncate()
        self._budget.give_back(self._taken)
        self._taken = 0

    def __del__(self) -> None:  # an association may break off in the middle of an object
        self._budget.give_back(self._taken)


def limit_association(association: Any, budget: ReceiveBudget) -> None:
    """Limit a new pynetdicom association: oversized data units end it, and objects beyond the budget are dropped."""
    transport, dimse = association.dul.socket, association.dimse
    receive, read = dimse.receive_primitive, transport.recv

    def bounded_read(count: int) -> bytearray:
        if count > MAX_PDU:
            raise OSError("the peer announced a data unit that is too large")
        data: bytearray = read(count)
        return data

    def bounded_receive(primitive: Any) -> None:
        if dimse.msg_queue.qsize() > _MAX_QUEUED:
            association.abort(block=False)
            return
        if dimse.message is None:
            dimse.message = DIMSEMessage()
            dimse.message.data_set = BoundedBuffer(budget)
        receive(primitive)

    transport.recv = bounded_read
    dimse.receive_primitive = bounded_receive
