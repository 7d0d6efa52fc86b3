"""A sender for the tests of the C-STORE listener, and the settings they start it with."""

from collections.abc import Callable, Sequence
from typing import Any

from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, MRImageStorage
from pynetdicom import AE, evt
from pynetdicom.pdu import A_ASSOCIATE_RJ

from diagnosis.dicom.allowed_aes import AllowedAE
from diagnosis.dicom.store_scp import StoreScpOptions
from diagnosis.dicom.supported_contexts import VERIFICATION

Start = Callable[..., int]
OPTIONS = StoreScpOptions("BRAINSCAN", "127.0.0.1", 0, (AllowedAE("MR1", "127.0.0.1"),), "ada", 1024 * 1024)
CALLING_AE, CALLED_AE, LOCAL_LIMIT = (1, 1, 3), (1, 1, 7), (2, 3, 2)
"""Result, source and reason in an A-ASSOCIATE-RJ (PS3.8, 9.3.4)."""


def associate(
    port: int,
    *,
    title: str = "MR1",
    called: str = "BRAINSCAN",
    syntax: str = ExplicitVRLittleEndian,
    handlers: Sequence[Any] = (),
) -> Any:
    entity = AE(ae_title=title)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 20
    entity.add_requested_context(VERIFICATION)
    entity.add_requested_context(MRImageStorage, syntax)
    entity.add_requested_context(CTImageStorage)
    return entity.associate("127.0.0.1", port, ae_title=called, evt_handlers=list(handlers))


def rejection(port: int, **names: str) -> tuple[int | None, int | None, int | None] | None:
    """Result, source and reason of the rejection that arrives.

    `is_rejected` doesn't tell: pynetdicom's client calls it a failed connection if the listener closes soon enough.
    """
    arrived: list[A_ASSOCIATE_RJ] = []

    def take(event: Any) -> None:
        if isinstance(event.pdu, A_ASSOCIATE_RJ):
            arrived.append(event.pdu)

    associate(port, handlers=[(evt.EVT_PDU_RECV, take)], **names)
    return (arrived[0].result, arrived[0].source, arrived[0].reason_diagnostic) if arrived else None
