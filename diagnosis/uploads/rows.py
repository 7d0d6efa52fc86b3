"""Every write of a person's upload list. `access.selectors.upload_rows` reads it."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from diagnosis.access import ownership
from diagnosis.access.users import User
from diagnosis.models import UploadPreview, UploadRow
from diagnosis.models.prediction import ENDED
from diagnosis.models.scan import OTHER_PATIENT
from diagnosis.models.upload_row import UploadState

if TYPE_CHECKING:  # the worker sweeps the list, and needs nothing of intake for that
    from diagnosis.intake import Accepted, Receipt, Rejected

MAX_ROWS = 2000
"""Rows that a person has at most; the oldest go first."""

_STORED_STATES = (UploadState.TAKEN, UploadState.KNOWN)


@dataclass(frozen=True, slots=True)
class Announced:
    """A file that a person chose. problem: code and sentence, if the page found one before it sent anything."""

    key: uuid.UUID
    name: str
    size: int | None = None
    problem: tuple[str, str] | None = None


def announce(user: User, *, files: Sequence[Announced], reference: str) -> None:
    """Put files on the list before their bytes travel. One that is there already keeps its row."""
    now = timezone.now()
    rows = []
    for position, file in enumerate(files):
        row = _row(user, file.key, file.name, reference, created=now, position=position)
        row.size, row.name = file.size, row.file_name
        if file.problem is not None:
            row.state, (row.code, row.detail) = UploadState.REFUSED, file.problem
        rows.append(row)
    with transaction.atomic():
        ownership.lock(user)
        UploadRow.objects.bulk_create(rows, ignore_conflicts=True, batch_size=200)
        _trim(user)


def record(user: User, *, key: uuid.UUID, file_name: str, reference: str, receipt: "Receipt") -> list[UploadRow]:
    """Replace a file's rows by what became of it. Returns the rows that show it, each once.

    A file sent twice, because its first answer was lost, ends as it did the first time. The slices of a series share a
    row, and so do files of one name that show the same; chosen again, they bring it up to where they are.
    """
    from diagnosis.intake import Rejected

    with transaction.atomic():
        ownership.lock(user)
        before = list(UploadRow.objects.filter(user=user, key=key))
        UploadRow.objects.filter(pk__in=[row.pk for row in before]).delete()
        taken = {row.prediction_id for row in before if row.state == UploadState.TAKEN}
        asked = {row.sha256 for row in before if row.sha256}
        first = before[0] if before else _row(user, key, file_name, reference, created=timezone.now())
        shown: dict[int, UploadRow] = {}
        ended: list[Accepted | Rejected] = [*receipt.accepted, *receipt.rejected]
        for part, one in enumerate(ended):
            if asked and isinstance(one, Rejected) and one.sha256 and one.sha256 not in asked:
                continue  # its person took this image off the list: it is not asked about again
            own = key if file_name else uuid.uuid4()  # of several files in one request, each may be sent again alone
            row = _row(user, own, file_name, reference, part=part, position=first.position, created=first.created)
            row.size = first.size
            kept = _keep(row, one, taken)
            shown[kept.pk] = kept
        _trim(user)
    return list(shown.values())


def dismiss(user: User, *, ids: Iterable[int] = (), keys: Iterable[uuid.UUID] = (), finished: bool = False) -> int:
    """Take rows off the list: those named, and with `finished` all whose scan has a result. Returns how many."""
    own = UploadRow.objects.filter(user=user)
    asked = Q(pk__in=list(ids)) | Q(key__in=list(keys))
    if finished:
        asked |= Q(state__in=_STORED_STATES) & (Q(prediction__state__in=ENDED) | Q(prediction=None))
    return own.filter(asked).delete()[1].get("diagnosis.UploadRow", 0)


def mark_seen(rows: Iterable[UploadRow]) -> None:
    """Note that the list has shown its person how these rows ended."""
    UploadRow.objects.filter(pk__in=[row.pk for row in rows], seen=None).update(seen=timezone.now())


def confirmed(user: User, *, ids: Iterable[int]) -> frozenset[str]:
    """sha256 of the files that the person has looked at, by the rows that asked about them."""
    asked = UploadRow.objects.filter(user=user, pk__in=list(ids)).exclude(sha256="")
    return frozenset(asked.values_list("sha256", flat=True))


def _row(
    user: User,
    key: uuid.UUID,
    file_name: str,
    reference: str,
    *,
    created: datetime,
    part: int = 0,
    position: int = 0,
) -> UploadRow:
    return UploadRow(
        user=user,
        key=key,
        part=part,
        position=position,
        file_name=file_name[:255],
        reference=reference[:64],
        created=created,
    )


def _keep(row: UploadRow, one: "Accepted | Rejected", taken: set[int | None]) -> UploadRow:
    """Save a row with what became of its file; or find the one that shows the same."""
    from diagnosis.intake import Rejected

    row.name = one.name[:255]
    if isinstance(one, Rejected):
        row.state, row.code, row.detail, row.sha256 = UploadState.REFUSED, one.code, one.detail, one.sha256
        row.save()
        if one.image:
            UploadPreview.objects.create(row=row, data=one.image)
        return row
    alike = Q() if one.scan.is_multi_file else Q(name=row.name)
    same = UploadRow.objects.filter(
        alike, user=row.user_id, prediction=one.prediction, state__in=_STORED_STATES
    ).first()
    if same is not None:
        if same.created == row.created:
            return same
        row.pk = same.pk  # pages that show it find it
    known = one.duplicate_of is not None and one.duplicate_of.pk == one.scan.pk and one.prediction.pk not in taken
    row.state = UploadState.KNOWN if known else UploadState.TAKEN
    row.prediction, row.duplicate_of = one.prediction, one.duplicate_of
    row.notes = [note for note in one.notes if note.startswith("Left out")]
    row.notes += [note for note in one.scan.notes if note == OTHER_PATIENT]
    row.save()
    return row


def _trim(user: User) -> None:
    rows = UploadRow.objects.filter(user=user).order_by("-created", "-id")
    surplus = list(rows.values_list("pk", flat=True)[MAX_ROWS : MAX_ROWS + 1000])
    if surplus:
        UploadRow.objects.filter(pk__in=surplus).delete()
