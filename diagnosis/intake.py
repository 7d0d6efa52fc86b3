"""The only way in: validate → hash → store → enqueue on commit. Each file of an upload is judged alone.

A file that cannot be decoded is rejected here, with the rule it broke. One that can be decoded but not judged (blank,
too small) is stored, and the pipeline refuses it with its reason.
"""

import hashlib
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.db.models.fields.files import FieldFile
from django.utils import timezone

from diagnosis import audit, model_versions, queue, renditions
from diagnosis.models import Case, ModelVersion, Prediction, Scan
from diagnosis.models.case import new_reference, validate_reference
from diagnosis.models.prediction import ACTIVE, REUSABLE
from diagnosis.names import clean_name
from diagnosis.people import Person
from ml import readers
from ml.contracts import UnreadableImage

_decoding = threading.Semaphore(1)
"""One picture is decoded at a time in a process: a decoded picture may take a hundred megabytes."""


class Upload(Protocol):
    """What intake needs of an uploaded file; Django's UploadedFile has it."""

    name: str | None

    @property
    def size(self) -> int | None: ...

    def read(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Accepted:
    """One file that was taken, called `name` in this upload. `duplicate_of` is the scan that showed the same picture
    before, if there was one; when it is `scan` itself, nothing was stored anew."""

    name: str
    scan: Scan
    prediction: Prediction
    duplicate_of: Scan | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """One file that was not taken: its name, the rule it broke, and a sentence for its uploader."""

    name: str
    code: str
    detail: str


@dataclass(slots=True)
class Receipt:
    """What became of an upload, file by file, in order. `case` is None while nothing was accepted."""

    case: Case | None = None
    accepted: list[Accepted] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Decoded:
    """A file that passed validation, ready to be stored. Its pixels are let go: one picture's are held at a time."""

    name: str
    data: bytes
    sha256: str
    pixel_sha256: str
    format: str
    width: int
    height: int
    notes: tuple[str, ...]
    preview: bytes
    thumbnail: bytes


def receive(
    *,
    user: Person,
    files: Iterable[Upload],
    oversized: Iterable[str] = (),
    reference: str = "",
    simulated: bool = False,
) -> Receipt:
    """Take an upload of `user` into the case called `reference`, or into a new one.

    oversized: names of files that the upload handler dropped for their size.
    Raises ValidationError for a reference that is no pseudonymous reference. Never raises for what a file holds.
    """
    reference = reference.strip()
    if reference:
        _validate(reference)
    receipt = Receipt()
    home = Case.objects.filter(owner=user, reference=reference).first() if reference else None
    version = model_versions.active()
    for upload in files:
        try:
            decoded = _decode(upload)
        except UnreadableImage as error:
            receipt.rejected.append(Rejected(clean_name(upload.name), error.code, error.message))
            continue
        accepted = _accept(decoded, user, home, reference, version, simulated=simulated)
        receipt.accepted.append(accepted)
        if accepted.duplicate_of != accepted.scan:  # a known picture's case is not where the new ones belong
            home = accepted.scan.case
    if receipt.accepted:
        receipt.case = home or receipt.accepted[0].scan.case
    receipt.rejected += [Rejected(clean_name(name), *_too_large()) for name in oversized]
    for rejected in receipt.rejected:
        audit.record("scan.rejected", actor=user, name=rejected.name, code=rejected.code)
    return receipt


def _validate(reference: str) -> None:
    try:
        validate_reference(reference)
    except ValidationError as error:
        raise ValidationError({"case": error}) from error


def _too_large() -> tuple[str, str]:
    return "too_large", f"The file is larger than {settings.MAX_UPLOAD_MB} MB, the most that is accepted."


def _decode(upload: Upload) -> _Decoded:
    if (upload.size or 0) > settings.MAX_UPLOAD_MB * 1024 * 1024:
        raise UnreadableImage(*_too_large())
    data = upload.read()
    with _decoding:
        image = readers.read(data)
        preview, thumbnail = renditions.render(image)
        return _Decoded(
            name=clean_name(upload.name),
            data=data,
            sha256=hashlib.sha256(data).hexdigest(),
            pixel_sha256=image.pixel_sha256(),
            format=image.format,
            width=image.width,
            height=image.height,
            notes=image.notes,
            preview=preview,
            thumbnail=thumbnail,
        )


def _accept(
    decoded: _Decoded, user: Person, case: Case | None, reference: str, version: ModelVersion | None, *, simulated: bool
) -> Accepted:
    """Store a decoded file, or find the scan that it repeats. One transaction, its audit row and its message."""
    try:
        return _store(decoded, user, case, reference, version, simulated=simulated)
    except IntegrityError:
        # A twin of this upload won the race between look-up and insert; the second look finds what it stored.
        return _store(decoded, user, case, reference, version, simulated=simulated)


def _store(
    decoded: _Decoded, user: Person, case: Case | None, reference: str, version: ModelVersion | None, *, simulated: bool
) -> Accepted:
    written: list[str] = []
    try:
        with transaction.atomic():
            # One upload of a person at a time looks and stores, or twins would open a case each.
            Person.objects.select_for_update(no_key=True).get(pk=user.pk)
            same = Scan.objects.filter(case__owner=user, pixel_sha256=decoded.pixel_sha256).select_related("case")
            here = same.filter(case__reference=reference).first() if reference else None
            earlier = here or same.order_by("id").first()
            if earlier is not None and (here is not None or not reference):
                audit.record("scan.repeated", actor=user, target=earlier)
                return Accepted(decoded.name, earlier, _live_prediction(earlier, version, user), duplicate_of=earlier)
            home = case or _open_case(user, reference, simulated=simulated)
            scan = _create_scan(decoded, home, written)
            audit.record("scan.uploaded", actor=user, target=scan, case=home.reference, sha256=decoded.sha256)
            return Accepted(decoded.name, scan, _new_prediction(scan, version, user), duplicate_of=earlier)
    except BaseException:
        for name in written:  # the rows are rolled back; their files must not stay behind
            default_storage.delete(name)
        raise


def _open_case(user: Person, reference: str, *, simulated: bool) -> Case:
    reference = reference or new_reference()
    case, created = Case.objects.get_or_create(owner=user, reference=reference, defaults={"simulated": simulated})
    if created:
        audit.record("case.opened", actor=user, target=case)
    return case


def _create_scan(decoded: _Decoded, case: Case, written: list[str]) -> Scan:
    scan = Scan(
        case=case,
        name=decoded.name,
        format=decoded.format,
        size=len(decoded.data),
        width=decoded.width,
        height=decoded.height,
        sha256=decoded.sha256,
        pixel_sha256=decoded.pixel_sha256,
        notes=list(decoded.notes),
    )
    for attribute, content in (("file", decoded.data), ("preview", decoded.preview), ("thumbnail", decoded.thumbnail)):
        stored: FieldFile = getattr(scan, attribute)
        stored.save("", ContentFile(content), save=False)
        written.append(str(stored.name))
    scan.save()
    return scan


def _live_prediction(scan: Scan, version: ModelVersion | None, user: Person) -> Prediction:
    """The scan's run under `version` that waits, runs or has a result; else a new one."""
    live = scan.predictions.filter(model_version=version, state__in=(*ACTIVE, *REUSABLE)).order_by("-id").first()
    return live or _new_prediction(scan, version, user)


def _new_prediction(scan: Scan, version: ModelVersion | None, user: Person) -> Prediction:
    prediction = Prediction.objects.create(
        scan=scan,
        model_version=version,
        requested_by=user,
        queued=timezone.now(),
    )
    queue.send_on_commit(prediction)
    return prediction
