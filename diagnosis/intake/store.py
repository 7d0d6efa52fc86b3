"""Store a decoded file: files, rows, audit row and queued prediction in one transaction.

Slices that come in files of their own are stored by `series_store`, with what is here.
"""

import hashlib
from contextlib import suppress
from dataclasses import dataclass, field

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import Error, IntegrityError, connection, transaction
from django.db.models.fields.files import FieldFile

from diagnosis.access import audit, ownership, selectors
from diagnosis.access.users import User
from diagnosis.inference import transitions
from diagnosis.intake import quotas, rejections
from diagnosis.intake.decoded import Decoded, RenderedSlice
from diagnosis.intake.quotas import RequestUse
from diagnosis.intake.receipt import Accepted
from diagnosis.models import Case, ModelVersion, Prediction, Scan, Slice
from diagnosis.models.case import new_reference
from diagnosis.models.discarded_file import unnamed
from diagnosis.models.prediction import ACTIVE, REUSABLE
from diagnosis.models.scan import OTHER_PATIENT


@dataclass(frozen=True, slots=True)
class UploadContext:
    """Whose upload it is and where its files go.

    model_version: the active one, None if the site has none. case: where earlier files of this upload went.
    reference: of the case that was asked for or derived from the patient's pseudonym, "" for a new case.
    confirmed: the uploader says that text in the images identifies nobody: in all of them, or in those of the files
    with these sha256. images: how many that ask about their text may be handed to the uploader. use: what the request
    has stored.
    """

    user: User
    model_version: ModelVersion | None
    case: Case | None = None
    reference: str = ""
    simulated: bool = False
    confirmed: bool | frozenset[str] = False
    images: int = 0
    use: RequestUse = field(default_factory=RequestUse)


def accept(decoded: Decoded, *, context: UploadContext, name: str) -> Accepted:
    """Store a decoded file, or find the scan that it duplicates or extends. name: of the file in this upload."""
    try:
        return _store(decoded, context, name)
    except IntegrityError:
        # The same image was stored between our look-up and our insert; the second look-up finds it.
        return _store(decoded, context, name)


@dataclass(slots=True)
class StoredFiles:
    """Files written so far. Unlike rows, they are not rolled back, so they are dropped if the transaction fails."""

    names: list[str] = field(default_factory=list)

    def save(self, target: FieldFile, content: bytes) -> None:
        target.save("", ContentFile(content), save=False)
        self.names.append(str(target.name))

    def delete(self) -> None:
        for name in self.names:
            default_storage.delete(name)

    def drop(self, user: User) -> None:
        """Delete those that no row names, after an error in a transaction that took the turn of this person.

        If the connection breaks during the commit, nobody knows whether it succeeds: the rows may be there, or appear
        in a moment. PostgreSQL holds the lock until then, and this waits for it. Where the rows cannot be looked up,
        all files stay, and `check_integrity` finds those that nobody needs.
        """
        with suppress(Error):
            if self.names and connection.features.has_select_for_update:
                with transaction.atomic():
                    ownership.lock(user)
            for name in unnamed(self.names):
                default_storage.delete(name)


def _store(decoded: Decoded, context: UploadContext, name: str) -> Accepted:
    files = StoredFiles()
    try:
        # Hundreds of files take seconds, in which nobody else could write into SQLite.
        slices = [_write_slice(one, files) for one in decoded.slices] if len(decoded.slices) > 1 else []
        with transaction.atomic():
            take_turns(context.user)
            accepted = _store_scan(decoded, context, files, name, slices)
    except BaseException:
        files.drop(context.user)
        raise
    if accepted.created:
        context.use.stored += accepted.scan.size
    else:
        files.delete()
    return accepted


def take_turns(user: User) -> None:
    """Until the transaction ends, no other upload of this person stores anything: each might open the same case."""
    User.objects.select_for_update(no_key=True).get(pk=user.pk)


def _store_scan(
    decoded: Decoded, context: UploadContext, files: StoredFiles, name: str, slices: list[Slice]
) -> Accepted:
    """A file that is a scan of its own. slices: of one that holds many, written but not saved."""
    same = Scan.objects.filter(case__owner=context.user, pixel_sha256=decoded.pixel_sha256).select_related("case")
    here = same.filter(case__reference=context.reference).first() if context.reference else None
    if here is not None and here.in_trash:
        raise rejections.in_trash(here)
    earlier = here or same.filter(selectors.kept()).order_by("id").first()
    if earlier is not None and (here is not None or not context.reference):
        audit.record("scan.repeated", actor=context.user, target=earlier)
        return Accepted(name, earlier, live_prediction(earlier, context), duplicate_of=earlier, notes=decoded.notes)
    quotas.check(context.user, adding=len(decoded.data), request=context.use)
    scan = new_scan(decoded, case=open_case(context))
    scan.pixel_sha256 = decoded.pixel_sha256
    middle = decoded.slices[len(decoded.slices) // 2]
    save_scan(scan, (decoded.data, middle.preview, middle.thumbnail), files)
    record_upload(scan, decoded, context)
    for index, row in enumerate(slices):
        row.scan, row.index = scan, index
    Slice.objects.bulk_create(slices, batch_size=200)
    prediction = transitions.create(scan, model_version=context.model_version, requested_by=context.user)
    return Accepted(name, scan, prediction, duplicate_of=earlier, created=True, notes=decoded.notes)


def open_case(context: UploadContext) -> Case:
    """The case that an upload goes to, opened if need be. Raises UnreadableImage for one in the trash."""
    case = _open_case(context)
    if case.deleted is not None:
        raise rejections.case_in_trash(case)
    return case


def _open_case(context: UploadContext) -> Case:
    if context.case is not None:
        context.case.refresh_from_db(fields=["deleted"])
        return context.case
    reference = context.reference or new_reference()
    case, created = Case.objects.get_or_create(
        owner=context.user, reference=reference, defaults={"simulated": context.simulated}
    )
    if created:
        audit.record("case.opened", actor=context.user, target=case)
    return case


def new_scan(decoded: Decoded, *, case: Case) -> Scan:
    """An unsaved scan of a decoded file, without its files, `sha256` and `pixel_sha256`."""
    middle = decoded.slices[len(decoded.slices) // 2]
    return Scan(
        case=case,
        name=decoded.name,
        format=decoded.format,
        width=middle.width,
        height=middle.height,
        ratio=middle.ratio,
        notes=[
            *(middle.notes if len(decoded.slices) == 1 else ()),
            *decoded.notes,
            *([OTHER_PATIENT] if _holds_another_patient(case, decoded.patient) else ()),
        ],
        frames=len(decoded.slices),
        frame=middle.frame if len(decoded.slices) == 1 else 0,
        series_uid=decoded.series,
        spacing=decoded.spacing,
        letters=decoded.letters,
        windows=list(decoded.windows),
        deidentified=decoded.deidentified,
    )


def _holds_another_patient(case: Case, patient: str) -> bool:
    """patient: a pseudonym, "" if unknown. Scans in the trash, and those of no known patient, tell nothing."""
    if not patient:
        return False
    known = Scan.objects.filter(case=case, deleted=None, deidentified__has_key="patient")
    return known.exclude(deidentified__patient=patient).exists()


def save_scan(scan: Scan, contents: tuple[bytes, bytes, bytes], files: StoredFiles) -> None:
    """Save a scan with its files. contents: the de-identified file, the preview and the thumbnail."""
    data, preview, thumbnail = contents
    files.save(scan.preview, preview)
    files.save(scan.thumbnail, thumbnail)
    save_with_original(scan, data, files)


def save_with_original(scan: Scan, data: bytes, files: StoredFiles) -> None:
    """Save a scan with its file. data: that file, de-identified."""
    scan.sha256, scan.size = hashlib.sha256(data).hexdigest(), len(data)
    files.save(scan.file, data)
    scan.save()


def record_upload(scan: Scan, decoded: Decoded, context: UploadContext) -> None:
    """The audit row of a new scan."""
    confirmed = {"confirmed_without_names": True} if decoded.has_text else {}
    audit.record(
        "scan.uploaded", actor=context.user, target=scan, case=scan.case.reference, sha256=scan.sha256, **confirmed
    )


def _write_slice(rendered: RenderedSlice, files: StoredFiles) -> Slice:
    """A slice of a scan whose file holds all slices: its own files, and its row, which is not saved yet."""
    row = Slice(frame=rendered.frame, pixel_sha256=rendered.pixel_sha256, notes=list(rendered.notes))
    files.save(row.preview, rendered.preview)
    files.save(row.thumbnail, rendered.thumbnail)
    return row


def live_prediction(scan: Scan, context: UploadContext) -> Prediction:
    """The scan's prediction by the active model that is queued, running or has a result; else a new one."""
    live = scan.predictions.filter(model_version=context.model_version, state__in=(*ACTIVE, *REUSABLE))
    return live.order_by("-id").first() or transitions.create(
        scan, model_version=context.model_version, requested_by=context.user
    )
