"""One C-STORE request: from the received object to the status that its sender gets.

The object goes through intake before the answer, so "success" means that it is stored. Slices find their series there,
no matter which association brings them.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from django.db import Error, close_old_connections, connections

from diagnosis import intake
from diagnosis.access import audit
from diagnosis.access.users import User
from diagnosis.dicom import ingest
from diagnosis.dicom.identity import NotDicom, identify
from diagnosis.dicom.ingest import CANNOT_UNDERSTAND, MISMATCH, OUT_OF_RESOURCES, ReceivedInstance
from diagnosis.dicom.spool import Spool
from diagnosis.dicom.study_cases import StudyCaseMap

SUCCESS = 0x0000
FAILED = 0x0110
"""Processing failure (PS3.7, C.5.14): a fault on our side."""
NOT_AUTHORIZED = 0x0124

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sender:
    """The calling AE title and its IP address."""

    title: str
    address: str


def sender_of(event: Any) -> Sender:
    """The sender of a pynetdicom event."""
    requestor = event.assoc.requestor
    return Sender(str(requestor.primitive.calling_ae_title).strip(), str(requestor.address_info.address))


class StoreHandler:
    """Handles the C-STORE requests of all associations; the objects go to the account named `username`."""

    def __init__(self, *, username: str) -> None:
        self._username = username
        self._study_cases = StudyCaseMap()
        self.storing = threading.Lock()
        """Held while an object is being stored: one at a time."""

    def handle(self, event: Any) -> int:
        """The C-STORE status of one request. Never raises."""
        sender = sender_of(event)
        try:
            with _database_connections(), structlog.contextvars.bound_contextvars(ip=sender.address):
                return self._store(event, sender)
        except (OSError, MemoryError, Error, intake.Busy, intake.NoRoom) as error:
            _log.warning("object not stored", sender=sender.title, error=type(error).__name__)
            return OUT_OF_RESOURCES
        except Exception as error:  # logged by type only: its text may quote what was received
            _log.error("object not stored", sender=sender.title, error=type(error).__name__)
            return FAILED
        finally:
            event.request.DataSet.release()

    def _store(self, event: Any, sender: Sender) -> int:
        user = User.objects.filter(username=self._username, is_active=True).first()
        if user is None:
            _log.error("DICOM_USER is no active account; nothing is stored")
            return NOT_AUTHORIZED
        if event.request.DataSet.overflowed:
            return OUT_OF_RESOURCES
        data: bytes = event.encoded_dataset()
        try:
            identity = identify(data)
        except NotDicom:
            return CANNOT_UNDERSTAND
        announced = event.request.AffectedSOPClassUID, event.request.AffectedSOPInstanceUID
        if (identity.sop_class, identity.instance) != announced:
            return MISMATCH
        with Spool() as spool, self.storing:
            file = spool.add("received.dcm", [data], max_bytes=len(data))
            reference = self._study_cases.reference(identity.study, owner=user)
            [outcome], [receipt] = ingest.submit([ReceivedInstance(identity, file)], user=user, reference=reference)
            if receipt.case is not None and identity.study:
                self._study_cases.remember(identity.study, case=receipt.case)
        if not getattr(event.assoc, "audited", False):
            event.assoc.audited = True
            audit.record("association.used", actor=user, sender=sender.title)
        return outcome.failure or SUCCESS


@contextmanager
def _database_connections() -> Iterator[None]:
    """Close this thread's connections at the end, because Django is not told when the thread ends."""
    close_old_connections()
    try:
        yield
    finally:
        connections.close_all()
