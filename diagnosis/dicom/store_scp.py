"""The C-STORE listener (a storage SCP): allowed AEs send MR series to it as they would to an archive."""

import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast
from weakref import WeakSet

import pynetdicom
import structlog
from pynetdicom import AE, evt
from pynetdicom.transport import ThreadedAssociationServer

from diagnosis.dicom.allowed_aes import AllowedAE
from diagnosis.dicom.c_store import StoreHandler, sender_of
from diagnosis.dicom.limits import ReceiveBudget, limit_association
from diagnosis.dicom.supported_contexts import SOP_CLASSES, TRANSFER_SYNTAXES, VERIFICATION

MAX_ASSOCIATIONS = 4
"""Associations at the same time; a further one is rejected until one ends."""
_MAX_CONNECTIONS = 16
"""Open connections, including those that have not requested an association yet; further ones are closed."""
_FROM_ONE_ADDRESS = 6
"""Of these, how many one address may hold: an archive's four associations, and some that are just closing."""
_NETWORK_SECONDS, _ANSWER_SECONDS, _CLOSING_SECONDS = 120, 8, 2
_MAX_OBJECTS_HELD = 2
"""Objects of the largest size that may be in memory at the same time."""
_CALLING_AE_NOT_RECOGNIZED = (0x01, 0x01, 0x03)
"""A-ASSOCIATE-RJ: permanent, by the service user, calling AE title not recognized (PS3.8, 9.3.4)."""
_LOCAL_LIMIT_EXCEEDED = (0x02, 0x03, 0x02)
"""A-ASSOCIATE-RJ: transient, by the service provider, local limit exceeded."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StoreScpOptions:
    """The listener's settings. username: of the account that will own the cases. max_object_bytes: of one object."""

    title: str
    address: str
    port: int
    allowed: Sequence[AllowedAE]
    username: str
    max_object_bytes: int


class StoreScp:
    """One listening socket and its associations."""

    def __init__(self, options: StoreScpOptions) -> None:
        self._options = options
        self._budget = ReceiveBudget(
            per_object=options.max_object_bytes, total=_MAX_OBJECTS_HELD * options.max_object_bytes
        )
        self._handler = StoreHandler(username=options.username)
        self._refused: WeakSet[Any] = WeakSet()
        self._taken: WeakSet[Any] = WeakSet()
        self._counting = threading.Lock()
        pynetdicom._config.LOG_HANDLER_LEVEL = "none"  # its log quotes what is received

    def start(self) -> int:
        """Listen; returns the port. Raises OSError if it is in use."""
        entity = AE(ae_title=self._options.title)
        entity.require_called_aet = True
        entity.maximum_associations = (
            sys.maxsize
        )  # pynetdicom's limit counts silent connections; `_on_request` has ours
        entity.maximum_pdu_size = 65536
        entity.network_timeout = _NETWORK_SECONDS
        entity.acse_timeout = entity.dimse_timeout = _ANSWER_SECONDS
        entity.add_supported_context(VERIFICATION)
        for sop_class in SOP_CLASSES:
            entity.add_supported_context(sop_class, list(TRANSFER_SYNTAXES))
        handlers: list[Any] = [
            (evt.EVT_CONN_OPEN, self._on_connection),
            (evt.EVT_REQUESTED, self._on_request),
            (evt.EVT_C_STORE, self._handler.handle),
        ]
        self._entity = entity
        address = (self._options.address, self._options.port)
        server = cast(ThreadedAssociationServer, entity.start_server(address, block=False, evt_handlers=handlers))
        return int(server.server_address[1])

    def stop(self) -> None:
        """Let the object that is being stored finish, then end all associations and close."""
        with self._handler.storing:
            for one in self._entity.active_associations:
                if one.is_rejected:  # it is closing, and pynetdicom cannot abort it in that state
                    one.join(_CLOSING_SECONDS)
            self._entity.shutdown()

    def _on_connection(self, event: Any) -> None:
        # A refused one lives on until it would have had to ask, and does not count against its sender.
        connections = [one for one in self._entity.active_associations if one not in self._refused]
        address = event.address[0]
        from_there = sum(one.requestor.address == address for one in connections)
        if len(connections) > _MAX_CONNECTIONS or from_there >= _FROM_ONE_ADDRESS:
            self._refused.add(event.assoc)
            event.assoc.dul.socket.close()
            return
        limit_association(event.assoc, self._budget)

    def _on_request(self, event: Any) -> None:
        sender = sender_of(event)
        if not any(entry.matches(sender.title, address=sender.address) for entry in self._options.allowed):
            _log.warning("association refused: not in DICOM_ALLOWED_AES", title=sender.title, ip=sender.address)
            _reject(event.assoc, _CALLING_AE_NOT_RECOGNIZED)
        elif not self._take(event.assoc):
            _reject(event.assoc, _LOCAL_LIMIT_EXCEEDED)

    def _take(self, association: Any) -> bool:
        """Whether there is room for one more association. Connections that have said nothing do not count."""
        with self._counting:
            if sum(one in self._taken for one in self._entity.active_associations) >= MAX_ASSOCIATIONS:
                return False
            self._taken.add(association)
            return True


def _reject(association: Any, why: tuple[int, int, int]) -> None:
    association.acse.send_reject(*why)
    association.kill()  # returns only after the rejection has been sent
