"""The C-STORE listener: scanners and archives of the allow-list send MR series, as they send them to an archive.

Each object goes through intake before it is answered, so that "success" means that it is stored. Slices find their
series there, whichever association brings them.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import pynetdicom
import structlog
from django.db import Error, close_old_connections, connections
from pydicom import uid
from pynetdicom import AE, evt
from pynetdicom.transport import ThreadedAssociationServer

from diagnosis import intake
from diagnosis.access import audit
from diagnosis.access.users import User
from diagnosis.dicom import ingest, limits
from diagnosis.dicom.allowed_aes import Peer
from diagnosis.dicom.identity import NotDicom, identify
from diagnosis.dicom.ingest import CANNOT_UNDERSTAND, MISMATCH, OUT_OF_RESOURCES, Arrival
from diagnosis.dicom.limits import Budget
from diagnosis.dicom.spool import Spool
from diagnosis.dicom.study_cases import Homes

SUCCESS = 0x0000
FAILED = 0x0110
"""Processing failure (PS3.7, C.5.14): a fault of ours."""
NOT_AUTHORIZED = 0x0124

CLASSES = (
    uid.MRImageStorage,
    uid.EnhancedMRImageStorage,
    uid.EnhancedMRColorImageStorage,
    uid.LegacyConvertedEnhancedMRImageStorage,
    uid.SecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    uid.MultiFrameTrueColorSecondaryCaptureImageStorage,
)
"""What the readers judge; a test holds both lists together."""
SYNTAXES = (
    uid.ExplicitVRLittleEndian,
    uid.ImplicitVRLittleEndian,
    uid.DeflatedExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.RLELossless,
    uid.JPEGBaseline8Bit,
    uid.JPEGExtended12Bit,
    uid.JPEGLossless,
    uid.JPEGLosslessSV1,
    uid.JPEGLSLossless,
    uid.JPEGLSNearLossless,
    uid.JPEG2000Lossless,
    uid.JPEG2000,
)

VERIFICATION = uid.UID("1.2.840.10008.1.1")
"""SOP class of C-ECHO."""

ASSOCIATIONS = 4
_CONNECTIONS = 16
"""Connections of which most have not asked for an association yet; more are closed."""
_NETWORK_SECONDS, _ANSWER_SECONDS = 120, 30
_TOGETHER = 2
"""Objects of the largest size that may be held in memory at a time."""
_UNRECOGNIZED = (0x01, 0x01, 0x03)
"""Reject permanently, as the service user: calling AE title not recognized (PS3.8, 9.3.4)."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """What the environment says. user: name of the account that owns what arrives. most: bytes of one object."""

    title: str
    address: str
    port: int
    peers: Sequence[Peer]
    user: str
    most: int


@dataclass(frozen=True, slots=True)
class Sender:
    """A calling AE title and the IP address that it comes from."""

    title: str
    address: str


class Listener:
    """One listening socket and its associations."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._budget = Budget(one=options.most, together=_TOGETHER * options.most)
        self._homes = Homes()
        self._taking = threading.Lock()
        pynetdicom._config.LOG_HANDLER_LEVEL = "none"  # its log quotes what is sent

    def start(self) -> int:
        """Listen; the port. Raises OSError if it is taken."""
        entity = AE(ae_title=self._options.title)
        entity.require_called_aet = True
        entity.maximum_associations = ASSOCIATIONS
        entity.maximum_pdu_size = 65536
        entity.network_timeout = _NETWORK_SECONDS
        entity.acse_timeout = entity.dimse_timeout = _ANSWER_SECONDS
        entity.add_supported_context(VERIFICATION)
        for name in CLASSES:
            entity.add_supported_context(name, list(SYNTAXES))
        handlers: list[Any] = [
            (evt.EVT_CONN_OPEN, self._connected),
            (evt.EVT_REQUESTED, self._requested),
            (evt.EVT_C_STORE, self._store),
        ]
        self._entity = entity
        address = (self._options.address, self._options.port)
        server = cast(ThreadedAssociationServer, entity.start_server(address, block=False, evt_handlers=handlers))
        return int(server.server_address[1])

    def stop(self) -> None:
        """End the associations, the object that is being taken first, and close."""
        with self._taking:
            self._entity.shutdown()

    def _connected(self, event: Any) -> None:
        if len(self._entity.active_associations) > _CONNECTIONS:
            event.assoc.dul.socket.close()
            return
        limits.apply(event.assoc, self._budget)

    def _requested(self, event: Any) -> None:
        sender = _sender(event)
        if not any(peer.admits(sender.title, sender.address) for peer in self._options.peers):
            _log.warning("association refused: not in DICOM_ALLOWED_AES", title=sender.title, ip=sender.address)
            event.assoc.acse.send_reject(*_UNRECOGNIZED)
            event.assoc.kill()  # once the rejection is sent

    def _store(self, event: Any) -> int:
        sender = _sender(event)
        try:
            with _database(), structlog.contextvars.bound_contextvars(ip=sender.address):
                return self._take(event, sender)
        except (OSError, MemoryError, Error, intake.Busy) as error:
            _log.warning("an object was not taken", sender=sender.title, error=type(error).__name__)
            return OUT_OF_RESOURCES
        except Exception as error:  # its text may quote what was received
            _log.error("an object was not taken", sender=sender.title, error=type(error).__name__)
            return FAILED
        finally:
            event.request.DataSet.release()

    def _take(self, event: Any, sender: Sender) -> int:
        user = User.objects.filter(username=self._options.user, is_active=True).first()
        if user is None:
            _log.error("DICOM_USER is no active account; nothing is taken")
            return NOT_AUTHORIZED
        if event.request.DataSet.overflowed:
            return OUT_OF_RESOURCES
        data: bytes = event.encoded_dataset()
        try:
            identity = identify(data)
        except NotDicom:
            return CANNOT_UNDERSTAND
        asked = event.request.AffectedSOPClassUID, event.request.AffectedSOPInstanceUID
        if (identity.sop_class, identity.instance) != asked:
            return MISMATCH
        with Spool() as spool, self._taking:
            piece = spool.add("received.dcm", [data], most=len(data))
            home = self._homes.get(identity.study)
            [fate], [receipt] = ingest.hand_in(user, [Arrival(identity, piece)], reference=home)
            if receipt.case is not None and identity.study:
                self._homes.keep(identity.study, receipt.case.reference)
        if not getattr(event.assoc, "noted", False):
            event.assoc.noted = True
            audit.record("association.used", actor=user, sender=sender.title)
        return fate.reason or SUCCESS


def _sender(event: Any) -> Sender:
    requestor = event.assoc.requestor
    return Sender(str(requestor.primitive.calling_ae_title).strip(), str(requestor.address_info.address))


@contextmanager
def _database() -> Iterator[None]:
    """Connections of this thread, closed at the end: the thread may end without a word."""
    close_old_connections()
    try:
        yield
    finally:
        connections.close_all()
