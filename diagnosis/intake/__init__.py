"""The only way in. Every upload, from a page, the API or a scanner, takes these steps:

    unpacking    an upload becomes its files; those of an archive come one by one
    limits       wait for a free upload slot, and for enough memory to read the file
    decoding     bytes become slices; `previews` renders them, `diagnosis.deid` cleans the file. `decoder_pool` has it
                 done in a process of its own
    store        duplicates are found; files and rows are written in one transaction, and the prediction is queued on
                 commit
    series_store slices that come file by file wait (`held_slices`) until the upload has been read; then each finds its
                 `series`
    receipt      what became of each file; `rejections` has the sentence for each one that was not accepted

Each file is judged alone. `UnreadableImage`, raised in any step, ends the way of its own file and of no other.
"""

import hashlib
from collections.abc import Iterable
from contextlib import AbstractContextManager, closing
from dataclasses import replace

import structlog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import DatabaseError, DataError, IntegrityError

from diagnosis.access import audit, blinding
from diagnosis.access.users import User
from diagnosis.inference import model_versions
from diagnosis.intake import free_space, namesakes, rejections, series_store, store
from diagnosis.intake.decoded import Decoded
from diagnosis.intake.decoder_pool import decode
from diagnosis.intake.file_names import clean_name
from diagnosis.intake.free_space import NoRoom
from diagnosis.intake.held_slices import HeldSlices
from diagnosis.intake.limits import Busy, MemoryBudget, PerPerson, UploadSlots
from diagnosis.intake.receipt import Accepted, Receipt, Rejected
from diagnosis.intake.store import UploadContext
from diagnosis.intake.unpacking import Upload, unpack
from diagnosis.models import Case
from diagnosis.models.case import validate_reference
from ml.contracts import UnreadableImage

_log = structlog.get_logger(__name__)

_memory = MemoryBudget(96 * 1024 * 1024)
"""Of all uploads: each file is in memory from when it is read until it is stored."""
_memory_each: PerPerson[MemoryBudget] = PerPerson(lambda: MemoryBudget(32 * 1024 * 1024))
"""Of one person: one large file, or many small ones, so that nobody waits for one person's large files."""

_slots = UploadSlots(settings.UPLOADS_AT_ONCE, patience=2.0)

__all__ = ["Accepted", "Busy", "NoRoom", "Receipt", "Rejected", "Upload", "clean_name", "receive", "upload_slot"]

PATIENT_CASE = "PT-"
"""Prefix of the reference of a case that was opened for a patient's pseudonym."""


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
    confirmed: bool | frozenset[str] = False,
    images: int = 0,
    refuse_namesakes: bool = False,
) -> Receipt:
    """Take an upload of `user` into the case called `reference`, or into a new one.

    oversized: names of files that the upload handler dropped for their size.
    confirmed: the uploader has looked, and text in the images identifies nobody; a set names the files for which that
    holds by the sha256 of their bytes.
    images: how many of the images that ask about their text the receipt holds; the uploader then can look at them.
    Raises ValidationError for a reference that is not pseudonymous, ReferenceInUse with `refuse_namesakes`, Busy, and
    NoRoom if the disk is too full for any of it, all before anything is stored.
    Never raises for what a file holds.
    """
    reference = reference.strip()
    if reference:
        _validate(reference)
    if refuse_namesakes:
        namesakes.check(user, reference=reference)
    free_space.require()
    with upload_slot():
        case = Case.objects.filter(owner=user, reference=reference).first() if reference else None
        version = model_versions.active()
        context = UploadContext(user, version, case, reference, simulated, confirmed=confirmed, images=images)
        return _receive(context, files, oversized)


def _receive(context: UploadContext, files: Iterable[Upload], oversized: Iterable[str]) -> Receipt:
    receipt = Receipt()
    with HeldSlices() as held:
        for upload in files:
            context = _take_upload(upload, context, receipt, held)
        series_store.store(held, context=context, receipt=receipt)
    if not receipt.accepted and any(rejected.code == NoRoom.code for rejected in receipt.rejected):
        raise NoRoom
    receipt.accepted.sort(key=lambda accepted: accepted.at)
    blinding.cover(context.user, (accepted.prediction for accepted in receipt.accepted))
    if receipt.accepted:
        opened = (accepted.scan.case for accepted in receipt.accepted if accepted.created)
        receipt.case = context.case or next(opened, receipt.accepted[0].scan.case)
    too_large = rejections.too_large(settings.MAX_UPLOAD_MB)
    receipt.rejected += [rejections.rejected(too_large, name=clean_name(name)) for name in oversized]
    for rejected in receipt.rejected:  # without the file's name, which may be the patient's
        audit.record("scan.rejected", actor=context.user, code=rejected.code)
    return receipt


def _take_upload(upload: Upload, context: UploadContext, receipt: Receipt, held: HeldSlices) -> UploadContext:
    """Take the files of one upload, each read once there is memory for it and dropped before the next."""
    try:
        with closing(unpack(upload)) as files:
            for file in files:
                with _memory_each.of(context.user.pk).held(file.size), _memory.held(file.size):
                    context = _take(file.name, file.read(), context, receipt, held)
    except UnreadableImage as error:  # the archive itself; files already taken out of it stay
        receipt.rejected.append(rejections.rejected(error, name=clean_name(upload.name)))
    return context


def _take(
    name: str, content: bytes | UnreadableImage, context: UploadContext, receipt: Receipt, held: HeldSlices
) -> UploadContext:
    """Take one file. Returns the context for the next, which goes into the same case."""
    try:
        if isinstance(content, UnreadableImage):
            raise content
        for decoded in decode(content, name=name, owner=context.user.pk):
            if decoded.has_text and not _confirmed(content, context):
                with_image = sum(bool(one.image) for one in receipt.rejected) < context.images
                receipt.rejected.append(rejections.question(decoded, content, name=name, with_image=with_image))
                break
            if decoded.problem is not None:
                receipt.rejected.append(rejections.rejected(decoded.problem, name=name))
                continue
            own, by_patient = _patient_context(decoded, context), _goes_by_patient(decoded, context)
            if decoded.facts is not None:
                held.add(decoded, name=name, reference=own.reference, by_patient=by_patient)
                continue
            accepted = store.accept(decoded, context=own, name=name)
            accepted.at = held.next_number()
            receipt.accepted.append(accepted)
            # New files never follow a duplicate into its old case.
            if accepted.created and not by_patient:
                context = replace(context, case=accepted.scan.case)
    except UnreadableImage as error:
        receipt.rejected.append(rejections.rejected(error, name=name))
    except (IntegrityError, DataError):  # the database refuses a value; the other files go on
        _log.exception("file cannot be stored")
        receipt.rejected.append(rejections.rejected(rejections.not_stored(), name=name))
    except (OSError, DatabaseError) as error:
        if not free_space.is_full(error):
            raise
        receipt.rejected.append(rejections.rejected(rejections.no_room(), name=name))
    return context


def _confirmed(content: bytes, context: UploadContext) -> bool:
    """Whether the uploader says of this file that its text identifies nobody."""
    if isinstance(context.confirmed, bool):
        return context.confirmed
    return hashlib.sha256(content).hexdigest() in context.confirmed


def _goes_by_patient(decoded: Decoded, context: UploadContext) -> bool:
    return bool(settings.CASE_BY_PATIENT and decoded.patient and not context.reference)


def _patient_context(decoded: Decoded, context: UploadContext) -> UploadContext:
    """With CASE_BY_PATIENT, and if no case was named, scans of one patient go into one case."""
    if not _goes_by_patient(decoded, context):
        return context
    return replace(context, reference=PATIENT_CASE + decoded.patient, case=None)


def _validate(reference: str) -> None:
    try:
        validate_reference(reference)
    except ValidationError as error:
        raise ValidationError({"case": error}) from error
