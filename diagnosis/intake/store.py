"""Store a decoded file: files, rows, audit row and queued prediction in one transaction."""

from dataclasses import dataclass, field

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.db.models.fields.files import FieldFile

from diagnosis.access import audit
from diagnosis.access.users import User
from diagnosis.inference import transitions
from diagnosis.intake import series
from diagnosis.intake.decoded import Decoded, RenderedSlice
from diagnosis.intake.receipt import Accepted
from diagnosis.models import Case, ModelVersion, Prediction, Scan, Slice
from diagnosis.models.case import new_reference
from diagnosis.models.prediction import ACTIVE, REUSABLE, State


@dataclass(frozen=True, slots=True)
class UploadContext:
    """Whose upload it is and where its files go.

    model_version: the active one, None if the site has none. case: where earlier files of this upload went.
    reference: of the case that was asked for or derived from the patient's pseudonym, "" for a new case.
    confirmed: the uploader says that text in the pictures identifies nobody.
    """

    user: User
    model_version: ModelVersion | None
    case: Case | None = None
    reference: str = ""
    simulated: bool = False
    confirmed: bool = False


def accept(decoded: Decoded, *, context: UploadContext, name: str) -> Accepted:
    """Store a decoded file, or find the scan that it duplicates or extends. name: of the file in this upload."""
    try:
        return _store(decoded, context, name)
    except IntegrityError:
        # The same picture was stored between our look-up and our insert; the second look-up finds it.
        return _store(decoded, context, name)


@dataclass(slots=True)
class _StoredFiles:
    """Files written so far. Unlike rows, they are not rolled back, so they are deleted if the transaction fails."""

    names: list[str] = field(default_factory=list)

    def save(self, target: FieldFile, content: bytes) -> None:
        target.save("", ContentFile(content), save=False)
        self.names.append(str(target.name))


def _store(decoded: Decoded, context: UploadContext, name: str) -> Accepted:
    files = _StoredFiles()
    store = _store_slice if decoded.stack else _store_scan
    try:
        with transaction.atomic():
            # Uploads of one person take turns, or two at the same time would each open a case.
            User.objects.select_for_update(no_key=True).get(pk=context.user.pk)
            return store(decoded, context, files, name)
    except BaseException:
        for written in files.names:
            default_storage.delete(written)
        raise


def _store_scan(decoded: Decoded, context: UploadContext, files: _StoredFiles, name: str) -> Accepted:
    """A file that is a scan of its own."""
    same = Scan.objects.filter(case__owner=context.user, pixel_sha256=decoded.pixel_sha256).select_related("case")
    here = same.filter(case__reference=context.reference).first() if context.reference else None
    earlier = here or same.order_by("id").first()
    if earlier is not None and (here is not None or not context.reference):
        return _duplicate(earlier, context, name)
    scan = _create_scan(decoded, context, files)
    if len(decoded.slices) > 1:
        for index, rendered in enumerate(decoded.slices):
            _create_slice(scan, rendered, index, files)
    prediction = transitions.create(scan, model_version=context.model_version, requested_by=context.user)
    return Accepted(name, scan, prediction, duplicate_of=earlier, created=True)


def _store_slice(decoded: Decoded, context: UploadContext, files: _StoredFiles, name: str) -> Accepted:
    """A slice whose neighbors come in files of their own."""
    match = series.match(decoded, user=context.user, reference=context.reference)
    if match.same_slice is not None:
        return _duplicate(match.same_slice.scan, context, name)
    [rendered] = decoded.slices
    if match.scan is None:
        scan = _create_scan(decoded, context, files)
        _create_slice(scan, rendered, 0, files, decoded)
        prediction = transitions.create(
            scan, model_version=context.model_version, requested_by=context.user, debounce=series.DEBOUNCE
        )
        return Accepted(name, scan, prediction, duplicate_of=match.other_case, created=True)
    scan = match.scan
    _create_slice(scan, rendered, scan.frames, files, decoded)
    series.count_slice(scan, size=len(decoded.data))
    audit.record("scan.extended", actor=context.user, target=scan, sha256=decoded.sha256)
    return Accepted(name, scan, _extended_prediction(scan, context))


def _duplicate(scan: Scan, context: UploadContext, name: str) -> Accepted:
    audit.record("scan.repeated", actor=context.user, target=scan)
    return Accepted(name, scan, _live_prediction(scan, context), duplicate_of=scan)


def _open_case(context: UploadContext) -> Case:
    if context.case is not None:
        return context.case
    reference = context.reference or new_reference()
    case, created = Case.objects.get_or_create(
        owner=context.user, reference=reference, defaults={"simulated": context.simulated}
    )
    if created:
        audit.record("case.opened", actor=context.user, target=case)
    return case


def _create_scan(decoded: Decoded, context: UploadContext, files: _StoredFiles) -> Scan:
    middle = decoded.slices[len(decoded.slices) // 2]
    case = _open_case(context)
    scan = Scan(
        case=case,
        name=decoded.name,
        format=decoded.format,
        size=len(decoded.data),
        width=middle.width,
        height=middle.height,
        ratio=middle.ratio,
        sha256=decoded.sha256,
        pixel_sha256=decoded.pixel_sha256,
        notes=list(middle.notes if len(decoded.slices) == 1 else decoded.notes),
        frames=len(decoded.slices),
        series_uid=decoded.series,
        stack=decoded.stack,
        normal=decoded.position.upward_normal if decoded.position else None,
        spacing=decoded.spacing,
        letters=decoded.letters,
        windows=list(decoded.windows),
        deidentified=decoded.deidentified,
    )
    files.save(scan.file, decoded.data)
    files.save(scan.preview, middle.preview)
    files.save(scan.thumbnail, middle.thumbnail)
    scan.save()
    confirmed = {"confirmed_without_names": True} if decoded.has_text else {}
    audit.record("scan.uploaded", actor=context.user, target=scan, case=case.reference, sha256=scan.sha256, **confirmed)
    return scan


def _create_slice(
    scan: Scan, rendered: RenderedSlice, index: int, files: _StoredFiles, own_file: Decoded | None = None
) -> None:
    """own_file: the slice's own file; None if the scan's file holds all slices."""
    row = Slice(
        scan=scan, index=index, frame=rendered.frame, pixel_sha256=rendered.pixel_sha256, notes=list(rendered.notes)
    )
    if own_file is not None and own_file.position is not None:
        row.instance_uid = own_file.instance
        row.along = series.along(own_file.position, scan=scan)
        files.save(row.file, own_file.data)
    files.save(row.preview, rendered.preview)
    files.save(row.thumbnail, rendered.thumbnail)
    row.save()


def _live_prediction(scan: Scan, context: UploadContext) -> Prediction:
    """The scan's prediction by the active model that is queued, running or has a result; else a new one."""
    live = scan.predictions.filter(model_version=context.model_version, state__in=(*ACTIVE, *REUSABLE))
    return live.order_by("-id").first() or transitions.create(
        scan, model_version=context.model_version, requested_by=context.user
    )


def _extended_prediction(scan: Scan, context: UploadContext) -> Prediction:
    """The live prediction, told of the new slice. A canceled one stays canceled until somebody retries it."""
    newest = scan.predictions.order_by("-id").first()
    if newest is not None and newest.state == State.CANCELED:
        return newest
    live = _live_prediction(scan, context)
    series.extend_run(live, actor=context.user)
    return live
