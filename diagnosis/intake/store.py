"""A decoded file into the database and the storage: one transaction, its audit row and its message to the worker."""

from dataclasses import dataclass, field
from datetime import timedelta

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.db.models.fields.files import FieldFile

from diagnosis.access import audit, ownership
from diagnosis.access.users import User
from diagnosis.inference import transitions
from diagnosis.intake import series
from diagnosis.intake.decoding import Decoded, Picture
from diagnosis.intake.receipt import Accepted
from diagnosis.models import Case, ModelVersion, Prediction, Scan, Slice
from diagnosis.models.case import new_reference
from diagnosis.models.prediction import ACTIVE, REUSABLE, State


@dataclass(frozen=True, slots=True)
class Intent:
    """Whose upload it is and where it goes. case: where earlier files of the same upload went. reference: as asked
    for, or derived from the patient's pseudonym, "" for a new case. confirmed: letters in pictures are no name."""

    user: User
    version: ModelVersion | None
    case: Case | None = None
    reference: str = ""
    simulated: bool = False
    confirmed: bool = False


def accept(decoded: Decoded, intent: Intent, *, name: str) -> Accepted:
    """Store a decoded file, or find the scan that it repeats or belongs to. name: of the file in this upload."""
    try:
        return _store(decoded, intent, name)
    except IntegrityError:
        # A twin of this upload won the race between look-up and insert; the second look finds what it stored.
        return _store(decoded, intent, name)


@dataclass(slots=True)
class _Files:
    """What was written to the storage so far; it must not stay behind when the rows are rolled back."""

    names: list[str] = field(default_factory=list)

    def save(self, target: FieldFile, content: bytes) -> None:
        target.save("", ContentFile(content), save=False)
        self.names.append(str(target.name))


def _store(decoded: Decoded, intent: Intent, name: str) -> Accepted:
    files = _Files()
    try:
        with transaction.atomic():
            # One upload of a person at a time looks and stores, or twins would open a case each.
            ownership.lock(intent.user)
            return _gathered(decoded, intent, files, name) if decoded.gathers else _alone(decoded, intent, files, name)
    except BaseException:
        for written in files.names:
            default_storage.delete(written)
        raise


def _alone(decoded: Decoded, intent: Intent, files: _Files, name: str) -> Accepted:
    same = Scan.objects.filter(case__owner=intent.user, pixel_sha256=decoded.pixel_sha256).select_related("case")
    here = same.filter(case__reference=intent.reference).first() if intent.reference else None
    earlier = here or same.order_by("id").first()
    if earlier is not None and (here is not None or not intent.reference):
        return _repeated(earlier, intent, name)
    scan = _create_scan(decoded, intent, files)
    if len(decoded.pictures) > 1:
        for index, picture in enumerate(decoded.pictures):
            _create_slice(scan, picture, index, files)
    return Accepted(name, scan, _new_prediction(scan, intent), duplicate_of=earlier, created=True)


def _gathered(decoded: Decoded, intent: Intent, files: _Files, name: str) -> Accepted:
    """A slice of a series whose other slices come in files of their own."""
    found = series.look_up(decoded, user=intent.user, reference=intent.reference)
    if found.slice is not None:
        return _repeated(found.slice.scan, intent, name)
    [picture] = decoded.pictures
    if found.scan is None:
        scan = _create_scan(decoded, intent, files)
        _create_slice(scan, picture, 0, files, decoded)
        run = _new_prediction(scan, intent, debounce=series.DEBOUNCE)
        return Accepted(name, scan, run, duplicate_of=found.elsewhere, created=True)
    scan = found.scan
    _create_slice(scan, picture, scan.frames, files, decoded)
    series.count(scan, size=len(decoded.data))
    audit.record("scan.extended", actor=intent.user, target=scan, sha256=decoded.sha256)
    return Accepted(name, scan, _extended(scan, intent))


def _repeated(scan: Scan, intent: Intent, name: str) -> Accepted:
    audit.record("scan.repeated", actor=intent.user, target=scan)
    return Accepted(name, scan, _live_prediction(scan, intent), duplicate_of=scan)


def _open_case(intent: Intent) -> Case:
    if intent.case is not None:
        return intent.case
    reference = intent.reference or new_reference()
    case, created = Case.objects.get_or_create(
        owner=intent.user, reference=reference, defaults={"simulated": intent.simulated}
    )
    if created:
        audit.record("case.opened", actor=intent.user, target=case)
    return case


def _create_scan(decoded: Decoded, intent: Intent, files: _Files) -> Scan:
    middle = decoded.pictures[len(decoded.pictures) // 2]
    case = _open_case(intent)
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
        notes=list(middle.notes if len(decoded.pictures) == 1 else decoded.notes),
        frames=len(decoded.pictures),
        series_uid=decoded.series,
        stack=decoded.gathers,
        normal=decoded.place.upward_normal if decoded.place else None,
        spacing=decoded.spacing,
        letters=decoded.letters,
        windows=list(decoded.windows),
        deidentified=decoded.kept,
    )
    for target, content in (
        (scan.file, decoded.data),
        (scan.preview, middle.preview),
        (scan.thumbnail, middle.thumbnail),
    ):
        files.save(target, content)
    scan.save()
    confirmed = {"confirmed_without_names": True} if decoded.lettered else {}
    audit.record("scan.uploaded", actor=intent.user, target=scan, case=case.reference, sha256=scan.sha256, **confirmed)
    return scan


def _create_slice(scan: Scan, picture: Picture, index: int, files: _Files, own: Decoded | None = None) -> None:
    """own: what the slice's own file holds; None where all slices lie in the scan's."""
    row = Slice(
        scan=scan, index=index, frame=picture.frame, pixel_sha256=picture.pixel_sha256, notes=list(picture.notes)
    )
    if own is not None and own.place is not None:
        row.instance_uid = own.instance
        row.along = series.along(own.place, scan)
        files.save(row.file, own.data)
    files.save(row.preview, picture.preview)
    files.save(row.thumbnail, picture.thumbnail)
    row.save()


def _live_prediction(scan: Scan, intent: Intent) -> Prediction:
    """The scan's run under the active version that waits, runs or has a result; else a new one."""
    live = scan.predictions.filter(model_version=intent.version, state__in=(*ACTIVE, *REUSABLE))
    return live.order_by("-id").first() or _new_prediction(scan, intent)


def _extended(scan: Scan, intent: Intent) -> Prediction:
    """The scan's live run, which will read the new slice, too. What somebody canceled stays so until it is retried."""
    newest = scan.predictions.order_by("-id").first()
    if newest is not None and newest.state == State.CANCELED:
        return newest
    live = _live_prediction(scan, intent)
    series.wait(live, actor=intent.user)
    return live


def _new_prediction(scan: Scan, intent: Intent, *, debounce: timedelta | None = None) -> Prediction:
    return transitions.create(scan, model_version=intent.version, requested_by=intent.user, debounce=debounce)
