"""What has arrived goes to intake, and what intake says of it becomes a DICOM failure reason.

Objects of different studies may show different patients, so each study is an upload of its own and opens its own case.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from diagnosis import intake
from diagnosis.access.users import User
from diagnosis.dicom.identity import Identity
from diagnosis.dicom.spool import Piece

OUT_OF_RESOURCES = 0xA700
MISMATCH = 0xA900
CANNOT_UNDERSTAND = 0xC000
UNKNOWN_SYNTAX = 0xC122
UNKNOWN_CLASS = 0x0122
"""Status codes of C-STORE (PS3.4, B.2.3), which are also the failure reasons of STOW-RS (PS3.18, I.2.2)."""

_REASONS = {
    "too_large": OUT_OF_RESOURCES,
    "dicom_too_large": OUT_OF_RESOURCES,
    "transfer_syntax": UNKNOWN_SYNTAX,
    "not_mr": UNKNOWN_CLASS,
    "dicomdir": UNKNOWN_CLASS,
}
"""By the code of intake's rule; for all others, the object cannot be understood."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One object that has arrived."""

    identity: Identity
    piece: Piece


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one: taken if reason is None."""

    identity: Identity
    reason: int | None = None


def hand_in(user: User, arrivals: Iterable[Arrival], *, reference: str = "") -> tuple[list[Fate], list[intake.Receipt]]:
    """Give the objects to intake; their fates, in their order, and a receipt for each study.

    reference: of the case where they go, "" to leave that to intake.
    The pieces' names must differ. Raises what intake raises when the database is away, and intake.Busy before anything
    is stored.
    """
    arrived = list(arrivals)
    studies: dict[str, list[Piece]] = {}
    for one in arrived:
        studies.setdefault(one.identity.study or one.identity.instance, []).append(one.piece)
    with intake.upload_slot():
        receipts = [intake.receive(user=user, files=pieces, reference=reference) for pieces in studies.values()]
    refused = {item.name: reason(item.code) for receipt in receipts for item in receipt.rejected}
    return [Fate(one.identity, refused.get(str(one.piece.name))) for one in arrived], receipts


def reason(code: str) -> int:
    """The failure reason for a rule of intake."""
    return _REASONS.get(code, CANNOT_UNDERSTAND)
