"""Received objects go to intake, and intake's verdict on each becomes a DICOM failure reason.

Objects of different studies may show different patients, so each study is an upload of its own with its own case.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from diagnosis import intake
from diagnosis.access.users import User
from diagnosis.dicom.identity import InstanceIdentity
from diagnosis.dicom.spool import SpooledFile

OUT_OF_RESOURCES = 0xA700
MISMATCH = 0xA900
CANNOT_UNDERSTAND = 0xC000
UNKNOWN_SYNTAX = 0xC122
UNKNOWN_CLASS = 0x0122
"""Status codes of C-STORE (PS3.4, B.2.3), which are also the failure reasons of STOW-RS (PS3.18, I.2.2)."""

_REASONS = {
    "too_large": OUT_OF_RESOURCES,
    "dicom_too_large": OUT_OF_RESOURCES,
    "no_room": OUT_OF_RESOURCES,
    "storage_quota": OUT_OF_RESOURCES,
    "request_quota": OUT_OF_RESOURCES,
    "transfer_syntax": UNKNOWN_SYNTAX,
    "not_mr": UNKNOWN_CLASS,
    "dicomdir": UNKNOWN_CLASS,
}
"""Failure reasons by intake's code; every other code means CANNOT_UNDERSTAND. So does `cannot_be_ordered`, although its
object is kept: slices that arrive later may tell it apart."""


@dataclass(frozen=True, slots=True)
class ReceivedInstance:
    """One object as it arrived."""

    identity: InstanceIdentity
    file: SpooledFile


@dataclass(frozen=True, slots=True)
class InstanceOutcome:
    """What became of one object. failure: its failure reason, None if it was stored."""

    identity: InstanceIdentity
    failure: int | None = None


def submit(
    instances: Iterable[ReceivedInstance], *, user: User, reference: str = ""
) -> tuple[list[InstanceOutcome], list[intake.Receipt]]:
    """Submit objects to intake. Returns the outcome of each, in order, and a receipt per study.

    reference: the case to put them in; "" leaves the choice to intake. The file names must be distinct.
    Raises database errors as `intake.receive` does, intake.Busy and intake.NoRoom before anything is stored.
    """
    received = list(instances)
    studies: dict[str, list[SpooledFile]] = {}
    for one in received:
        studies.setdefault(one.identity.study or one.identity.instance, []).append(one.file)
    with intake.upload_slot():
        receipts = [intake.receive(user=user, files=files, reference=reference) for files in studies.values()]
    failures = {item.name: failure_reason(item.code) for receipt in receipts for item in receipt.rejected}
    return [InstanceOutcome(one.identity, failures.get(str(one.file.name))) for one in received], receipts


def failure_reason(code: str) -> int:
    """The DICOM failure reason for a rejection by intake."""
    return _REASONS.get(code, CANNOT_UNDERSTAND)
