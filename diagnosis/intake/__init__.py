"""The only way in: unpack → validate → de-identify → hash → store → enqueue on commit. Each file is judged alone."""

from collections.abc import Iterable
from contextlib import AbstractContextManager, closing
from dataclasses import replace

import structlog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError

from diagnosis.access import audit
from diagnosis.access.users import User
from diagnosis.inference import model_versions
from diagnosis.intake import store
from diagnosis.intake.decoding import Decoded, decode, too_large, unpack
from diagnosis.intake.file_names import clean_name
from diagnosis.intake.limits import Busy, MemoryBudget, UploadSlots
from diagnosis.intake.receipt import Accepted, Receipt, Rejected, Upload
from diagnosis.intake.store import Intent
from diagnosis.models import Case
from diagnosis.models.case import validate_reference
from ml.contracts import UnreadableImage

_log = structlog.get_logger(__name__)

_memory = MemoryBudget(32 * 1024 * 1024)
"""One large file, or many small ones: each is in memory from when it is read until it is stored."""

_slots = UploadSlots(settings.UPLOADS_AT_ONCE, patience=2.0)

__all__ = ["Accepted", "Busy", "Receipt", "Rejected", "Upload", "receive", "upload_slot"]

LETTERING = (
    "There seems to be text in this picture. Look at it: if a name, a date or a number of the patient is among it, "
    "cut it away or export the picture without it. If not, confirm that, and it is taken."
)

NOT_STORED = "The file could be read but not stored. The cause is in the server's log."

PATIENT_CASE = "PT-"
"""What references of cases begin with that were opened for a patient's pseudonym."""


def upload_slot() -> AbstractContextManager[None]:
    """Hold an upload slot for a whole block, within which `receive` may be called several times.

    Raises Busy.
    """
    return _slots.held()


def receive(
    *,
    user: User,
    files: Iterable[Upload],
    oversized: Iterable[str] = (),
    reference: str = "",
    simulated: bool = False,
    confirmed: bool = False,
) -> Receipt:
    """Take an upload of `user` into the case called `reference`, or into a new one.

    oversized: names of files that the upload handler dropped for their size.
    confirmed: the uploader has looked, and letters in the pictures are no name.
    Raises ValidationError for a reference that is no pseudonymous reference, and Busy, both before anything is stored.
    Never raises for what a file holds.
    """
    reference = reference.strip()
    if reference:
        _validate(reference)
    with upload_slot():
        return _received(user, files, oversized, reference, simulated=simulated, confirmed=confirmed)


def _received(
    user: User, files: Iterable[Upload], oversized: Iterable[str], reference: str, *, simulated: bool, confirmed: bool
) -> Receipt:
    receipt = Receipt()
    home = Case.objects.filter(owner=user, reference=reference).first() if reference else None
    intent = Intent(user, model_versions.active(), home, reference, simulated=simulated, confirmed=confirmed)
    for upload in files:
        intent = _take_apart(upload, intent, receipt)
    if receipt.accepted:
        receipt.case = intent.case or receipt.accepted[0].scan.case
    receipt.rejected += [_rejected(clean_name(name), too_large(settings.MAX_UPLOAD_MB)) for name in oversized]
    for rejected in receipt.rejected:  # without its name: exports call files by their patient
        audit.record("scan.rejected", actor=user, code=rejected.code)
    return receipt


def _take_apart(upload: Upload, intent: Intent, receipt: Receipt) -> Intent:
    """The files of one upload, each read when there is room for it, and let go before the next."""
    try:
        with closing(unpack(upload)) as files:
            for file in files:
                with _memory.held(file.size):
                    intent = _take(file.name, file.read(), intent, receipt)
    except UnreadableImage as error:  # of an archive; what came out of it stays
        receipt.rejected.append(_rejected(clean_name(upload.name), error))
    return intent


def _take(name: str, content: bytes | UnreadableImage, intent: Intent, receipt: Receipt) -> Intent:
    """One file; the intent for the next, which knows where this one went."""
    try:
        if isinstance(content, UnreadableImage):
            raise content
        for decoded in decode(name, content):
            _check_lettering(decoded, intent)
            accepted = store.accept(decoded, _for_patient(decoded, intent), name=name)
            receipt.add(accepted)
            if accepted.created and not _by_patient(decoded, intent):
                intent = replace(intent, case=accepted.scan.case)  # a known picture's case is not where new ones belong
    except UnreadableImage as error:
        receipt.rejected.append(_rejected(name, error))
    except (IntegrityError, DataError):  # values that the database does not take; the other files go on
        _log.exception("file cannot be stored")
        receipt.rejected.append(_rejected(name, UnreadableImage("not_stored", NOT_STORED)))
    return intent


def _check_lettering(decoded: Decoded, intent: Intent) -> None:
    if decoded.lettered and not intent.confirmed:
        raise UnreadableImage("lettering", LETTERING)


def _by_patient(decoded: Decoded, intent: Intent) -> bool:
    return bool(settings.CASE_BY_PATIENT and decoded.patient and not intent.reference)


def _for_patient(decoded: Decoded, intent: Intent) -> Intent:
    """Where the site allows it, and nobody named a case, scans of one patient land in one."""
    if not _by_patient(decoded, intent):
        return intent
    reference = PATIENT_CASE + decoded.patient
    return replace(intent, reference=reference, case=None)


def _rejected(name: str, error: UnreadableImage) -> Rejected:
    return Rejected(name, error.code, error.message, confirmable=error.code == "lettering")


def _validate(reference: str) -> None:
    try:
        validate_reference(reference)
    except ValidationError as error:
        raise ValidationError({"case": error}) from error
