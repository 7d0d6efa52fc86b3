"""Store the slices of an upload that came file by file, series by series, each in one transaction.

Scans that get or lose slices are judged again, and the audit trail keeps the result they had; no other scan changes.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

import structlog
from django.core.files.storage import default_storage
from django.db import DatabaseError, DataError, IntegrityError, transaction
from django.db.models.fields.files import FieldFile
from django.utils import timezone

from diagnosis.access import audit
from diagnosis.cases import purge
from diagnosis.inference import transitions
from diagnosis.inference.series import facts_of, part_notes
from diagnosis.intake import free_space, quotas, rejections, series
from diagnosis.intake.held_slices import HeldSlice, HeldSlices
from diagnosis.intake.receipt import Accepted, Receipt, Rejected
from diagnosis.intake.series import Part, Plan
from diagnosis.intake.store import (
    StoredFiles,
    UploadContext,
    live_prediction,
    new_scan,
    open_case,
    record_upload,
    save_with_original,
    take_turns,
)
from diagnosis.models import Case, Prediction, Scan, Slice
from diagnosis.models.discarded_file import discard
from diagnosis.models.prediction import State
from diagnosis.models.scan import OTHER_PATIENT, Reading, combined_digest, stack_name
from ml.contracts import UnreadableImage
from ml.readers.dicom import description, geometry, slice_facts, slice_order
from ml.readers.dicom.header import attributes
from ml.readers.dicom.series import PART

_log = structlog.get_logger(__name__)


def store(held: HeldSlices, *, context: UploadContext, receipt: Receipt) -> None:
    """Store all held slices, and add to the receipt what became of them."""
    for group in held.groups():
        first = group[0]
        own = replace(context, reference=first.reference, case=None if first.by_patient else context.case)
        try:
            try:
                accepted = _store_group(group, held, own, receipt)
            except IntegrityError:  # another upload stored the same between our look-up and our insert
                accepted = _store_group(group, held, own, receipt)
        except UnreadableImage as error:
            receipt.rejected += [rejections.rejected(error, name=one.name) for one in group]
            continue
        except (IntegrityError, DataError):  # the database refuses a value; other series go on
            _log.exception("series cannot be stored")
            receipt.rejected += [rejections.rejected(rejections.not_stored(), name=one.name) for one in group]
            continue
        except (OSError, DatabaseError) as error:
            if not free_space.is_full(error):
                raise
            receipt.rejected += [rejections.rejected(rejections.no_room(), name=one.name) for one in group]
            continue
        receipt.accepted += accepted
        opened = next((one.scan.case for one in accepted if one.created), None)
        if opened is not None and not first.by_patient and context.case is None:
            context = replace(context, case=opened)


def _store_group(
    group: Sequence[HeldSlice], held: HeldSlices, context: UploadContext, receipt: Receipt
) -> list[Accepted]:
    """Store slices of one series and size. Files are written before the transaction, so that it is short."""
    files = StoredFiles()
    try:
        rows = {one.number: _saved(one, held, files) for one in _new(series.plan(group, user=context.user))}
        with transaction.atomic():
            take_turns(context.user)
            plan = series.plan(group, user=context.user)
            _check_size(plan)
            _check_reviews(plan)
            adding = sum(one.size for one in _new(plan))
            if adding:
                quotas.check(context.user, adding=adding, request=context.use)
            rows |= {one.number: _saved(one, held, files) for one in _new(plan) if one.number not in rows}
            accepted = _carry_out(plan, rows, held, context, files)
    except BaseException:
        files.drop(context.user)
        raise
    context.use.stored += adding
    needed = {one.number for one in _new(plan)}
    _delete(name for number, row in rows.items() if number not in needed for name in _names(row))
    receipt.rejected += _rejected(plan)
    return accepted


def _new(plan: Plan) -> list[HeldSlice]:
    return [one for part in plan.parts for one in part.arrived]


def _check_size(plan: Plan) -> None:
    """Raises UnreadableImage with code `too_many_frames`."""
    if any(part.arrived and len(part.rows) + len(part.arrived) > series.MAX_SLICES for part in plan.parts):
        raise UnreadableImage("too_many_frames", f"The series has more than {series.MAX_SLICES:,} slices.")


def _check_reviews(plan: Plan) -> None:
    """Raises UnreadableImage with code `reading_kept` where a scan would go whose signed reviews must stay."""
    emptied = [scan.pk for scan in plan.emptied]
    if not emptied:
        return
    list(Scan.objects.select_for_update().filter(pk__in=emptied).order_by("pk").values_list("pk"))
    kept = purge.kept_reviews(timezone.now()).filter(scan__in=emptied).select_related("scan__case").first()
    if kept is not None:
        raise rejections.reading_kept(kept.scan)


def _saved(one: HeldSlice, held: HeldSlices, files: StoredFiles) -> Slice:
    """An unsaved row whose files are stored."""
    [rendered] = one.decoded.slices
    row = Slice(
        pixel_sha256=rendered.pixel_sha256,
        instance_uid=one.decoded.instance,
        notes=list(rendered.notes),
        facts=slice_facts.as_dict(one.facts),
    )
    for target, content in zip((row.file, row.preview, row.thumbnail), held.contents(one), strict=True):
        files.save(target, content)
    return row


def _rejected(plan: Plan) -> list[Rejected]:
    """Files of stacks that cannot be ordered. Their slices are kept: what arrives later may tell them apart."""
    return [
        rejections.rejected(part.stack.problem, name=one.name)
        for part in plan.parts
        if part.stack.problem is not None
        for one in sorted((*part.arrived, *part.repeated), key=lambda one: one.number)
    ]


def _carry_out(
    plan: Plan, rows: dict[int, Slice], held: HeldSlices, context: UploadContext, files: StoredFiles
) -> list[Accepted]:
    there = next((part.scan.case for part in plan.parts if part.scan is not None), None)
    case = there or open_case(context)
    moved = [row.pk for part in plan.parts for row in part.incoming]
    accepted = []
    for part in plan.parts:
        scan = part.scan or _new_scan(part, rows, held, case, context, files)
        _name_part(scan, part)
        if part.changes:
            _set_slices(scan, part, [rows[one.number] for one in part.arrived], files)
            _record(scan, part, rows, context)
        prediction = _prediction(scan, part, context)
        if uploaded := sorted((*part.arrived, *part.repeated), key=lambda one: one.number):
            assert prediction is not None
            repeats = scan if not part.arrived else None
            created = part.scan is None and there is None
            first, count = uploaded[0], len(uploaded)
            accepted.append(Accepted(first.name, scan, prediction, repeats, count, created, at=first.number))
    transitions.forget_slices(moved)
    for scan in plan.emptied:
        transitions.discard(scan, actor=context.user)
        discard(str(file.name) for file in (scan.file, scan.preview, scan.thumbnail))
    return accepted


def _new_scan(
    part: Part, rows: dict[int, Slice], held: HeldSlices, case: Case, context: UploadContext, files: StoredFiles
) -> Scan:
    """The scan of a part that has none: like its first new slice, else like the scan that its slices come from.

    It shows the preview of one of its slices, and has none of its own.
    """
    if not part.arrived:
        return _like(part.rows[0], part, files)
    first = part.arrived[0]
    scan = new_scan(first.decoded, case=case)
    scan.normal = part.stack.normal
    scan.stack = stack_name(first.facts.size, part.stack.key)
    scan.pixel_sha256 = combined_digest(scan.stack_key, [first.pixel_sha256])
    _show(scan, rows[first.number])
    save_with_original(scan, held.contents(first)[0], files)
    record_upload(scan, first.decoded, context)
    return scan


def _like(row: Slice, part: Part, files: StoredFiles) -> Scan:
    """A new scan for slices that leave their scan. Reviews stay with that one, so nobody has read this."""
    scan = Scan.objects.select_related("case__owner").get(pk=row.scan_id)
    scan.pk, scan._state.adding = None, True
    scan.normal, scan.stack = part.stack.normal, stack_name((scan.width, scan.height), part.stack.key)
    scan.pixel_sha256, scan.notes = (
        combined_digest(scan.stack_key, [row.pixel_sha256]),
        [*row.notes, *(note for note in scan.notes if note == OTHER_PATIENT)],
    )
    scan.created, scan.reading = timezone.now(), Reading.UNREAD
    data = _bytes(row.file)
    _describe(scan, data)
    _show(scan, row)
    save_with_original(scan, data, files)
    return scan


def _show(scan: Scan, row: Slice) -> None:
    scan.preview, scan.thumbnail = str(row.preview.name), str(row.thumbnail.name)


def _describe(scan: Scan, data: bytes) -> None:
    """Say of a scan what the file of one of its slices says. The one that it was named after may have left it."""
    kept = attributes(data)
    scan.name = description.title(kept, geometry.slice_position(kept, 0))
    scan.windows = list(description.windows(kept))


def _name_part(scan: Scan, part: Part) -> None:
    """What tells the part from the others of its series, which is known only once they are there."""
    name = stack_name((scan.width, scan.height), part.stack.key)
    if scan.stack != name:
        scan.stack = name
        scan.notes = [note for note in scan.notes if not note.startswith(PART)] + list(part_notes(scan))
        scan.save(update_fields=["stack", "notes"])


def _set_slices(scan: Scan, part: Part, new: Sequence[Slice], files: StoredFiles) -> None:
    """Give a scan the slices of its part. `diagnosis.inference.series` puts them in order when the run starts."""
    assert scan.normal is not None
    incoming = list(part.incoming)
    size = sum(row.file.size for row in (*incoming, *new)) - sum(row.file.size for row in part.left)
    for index, row in enumerate([*incoming, *new], start=len(part.rows) - len(incoming)):
        position = facts_of(row, scan=row.scan if row.scan_id else scan).position
        assert position is not None
        row.scan, row.index, row.along = scan, index, slice_order.offset_along(scan.normal, position)
    Slice.objects.bulk_update(incoming, ["scan", "index", "along"], batch_size=200)
    Slice.objects.bulk_create(new, batch_size=200)
    scan.size = size if part.scan is None else scan.size + size
    scan.frames = len(part.rows) + len(new)
    if part.left:  # the scan's own file may be that of a slice that is gone
        left = str(scan.file.name)  # the next purge deletes it
        data = _bytes(part.rows[0].file)
        files.save(scan.file, data)
        scan.sha256 = hashlib.sha256(data).hexdigest()
        _describe(scan, data)
        Prediction.objects.filter(scan=scan).update(scan_name=scan.name)
    scan.save(update_fields=["size", "frames", "file", "sha256", "name", "windows"])
    if part.left:
        discard([left])


def _record(scan: Scan, part: Part, rows: dict[int, Slice], context: UploadContext) -> None:
    """An audit row for each slice that the scan gets, but the first of a new scan, and one for those that it loses."""
    for one in part.arrived[1 if part.scan is None else 0 :]:
        audit.record("scan.extended", actor=context.user, target=scan, sha256=one.sha256)
    if part.incoming:
        came_from = sorted({row.pk for row in part.incoming})
        audit.record("scan.split", actor=context.user, target=scan, slices=came_from)


def _prediction(scan: Scan, part: Part, context: UploadContext) -> Prediction | None:
    """The prediction of a scan that the upload concerns: a new one, or the live one, told of the change.

    A canceled one stays canceled until somebody retries it.
    """
    if part.scan is None:
        return transitions.create(
            scan, model_version=context.model_version, requested_by=context.user, debounce=series.DEBOUNCE
        )
    if not part.changes:
        return live_prediction(scan, context) if part.repeated else None
    newest = scan.predictions.order_by("-id").first()
    if newest is not None and newest.state == State.CANCELED:
        return newest
    live = live_prediction(scan, context)
    not_before = timezone.now() + series.DEBOUNCE
    if not transitions.postpone(live, until=not_before):
        transitions.reopen(live, actor=context.user, not_before=not_before)
    return live


def _bytes(file: FieldFile) -> bytes:
    with file.open("rb") as opened:
        return bytes(opened.read())


def _names(row: Slice) -> Iterable[str]:
    return [str(file.name) for file in (row.file, row.preview, row.thumbnail)]


def _delete(names: Iterable[str]) -> None:
    for name in names:
        default_storage.delete(name)
