"""Every change of a review. No other module writes one.

    save_draft → draft → commit → committed → sign → signed        amend → a new row that replaces the current one

Each function is one transaction: it locks reader and scan, so that two readers and two tabs take turns, changes the
review by a conditional UPDATE whose row count is checked, brings `Scan.reading` up to date, and writes the audit row.
Called again with the same opinion, as by a double click, it changes nothing and returns what is there.
"""

from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from diagnosis.access import audit, ownership, permissions, reading_policy
from diagnosis.access.users import User
from diagnosis.models import Prediction, Review, Scan
from diagnosis.models.prediction import ACTIVE
from diagnosis.models.reading_policy import Mode
from diagnosis.models.review import ReviewState, Role
from diagnosis.reviews import consensus, exposure, opinions
from diagnosis.reviews.errors import InvalidOpinion, NotYourReading, ReviewRefused
from diagnosis.reviews.opinions import Opinion

_ACTIONS = {
    ReviewState.DRAFT: "review.saved",
    ReviewState.COMMITTED: "review.committed",
    ReviewState.SIGNED: "review.signed",
}


def save_draft(prediction: Prediction, *, reader: User, opinion: Opinion, version: int = 0, pixels: str = "") -> Review:
    """Keep an opinion that may be incomplete.

    version: of the draft that the reader's page shows; 0 for none. pixels: the digest of the pixels that it shows, if
    known. Raises ReviewRefused if either is out of date, if the reader has committed before, or while the run goes on;
    NotYourReading if they may not review this scan; InvalidOpinion.
    """
    return _record(prediction, reader, opinion, state=ReviewState.DRAFT, version=version, pixels=pixels)


def commit(prediction: Prediction, *, reader: User, opinion: Opinion, version: int = 0, pixels: str = "") -> Review:
    """Freeze the opinion. Where the policy is blind first, this is what reveals the model's result to the reader.

    Raises what `save_draft` does.
    """
    return _record(prediction, reader, opinion, state=ReviewState.COMMITTED, version=version, pixels=pixels)


def sign(prediction: Prediction, *, reader: User, opinion: Opinion, version: int = 0, pixels: str = "") -> Review:
    """Freeze the opinion and sign it. A committed one is signed as it is: another opinion needs `amend`.

    Raises what `save_draft` does.
    """
    return _record(prediction, reader, opinion, state=ReviewState.SIGNED, version=version, pixels=pixels)


def sign_committed(review: Review, *, reader: User) -> Review:
    """Sign a committed review as it stands. Raises ReviewRefused for a draft or an amended one, NotYourReading."""
    with transaction.atomic():
        scan, earlier = _locked(review, reader)
        if earlier.state == ReviewState.SIGNED:
            return earlier
        if earlier.state == ReviewState.DRAFT:
            raise ReviewRefused("not_committed", "This is a draft: commit it, or sign it with its opinion.")
        return _sign(scan, earlier, reader)


def amend(
    review: Review,
    *,
    reader: User,
    opinion: Opinion,
    reason: str,
    pixels: str = "",
    beside: Prediction | None = None,
) -> Review:
    """Replace a committed or signed review by a new one in the same state; the earlier text stays.

    pixels: the digest of those that the reader's page shows, if known. beside: the run that it shows; if unknown, that
    of the earlier review. Raises ReviewRefused if the pixels are out of date, for a draft, an amended review or an
    amendment that changes nothing; NotYourReading; InvalidOpinion, also without a reason.
    """
    with transaction.atomic():
        scan, earlier = _locked(review, reader)
        if earlier.state == ReviewState.DRAFT:
            raise ReviewRefused("not_committed", "A draft is not amended: change it.")
        _check_pixels(scan, pixels)
        opinions.check(opinion, scan=scan, complete=True)
        reason = reason.strip()
        if problem := opinions.check_text(reason) if reason else "Say why you amend it: the reason stays with it.":
            raise InvalidOpinion({"reason": problem})
        if opinion.same_as(earlier):
            raise ReviewRefused("nothing_changed", "Nothing differs from the review that you amend.")
        if not Review.objects.filter(pk=earlier.pk, current=True).update(current=False):
            raise _amended()
        now = timezone.now()
        made = Review.objects.create(
            scan=scan, prediction=beside or earlier.prediction, reader=reader,
            role=earlier.role, mode=earlier.mode, state=earlier.state,
            committed=now, revealed=earlier.revealed, signed=now if earlier.signed else None,
            signed_by=reader if earlier.signed else None, readings_required=earlier.readings_required,
            pixel_sha256=scan.pixel_sha256, amends=earlier, reason=reason, **opinion.as_fields(),
        )  # fmt: skip
        _finish(scan, made, "review.amended", amends=earlier.pk, reason=reason)
    return made


def discard_draft(review: Review, *, reader: User, version: int | None = None) -> bool:
    """Delete a draft of one's own. False if it is gone or no draft by now.

    version: of the draft that the reader's page shows, if known. Raises ReviewRefused if it is out of date.
    """
    with transaction.atomic():
        draft = Review.objects.select_for_update().filter(pk=review.pk, reader=reader, state=ReviewState.DRAFT).first()
        if draft is None:
            return False
        if version is not None and draft.version != version:
            raise _stale()
        draft.delete()
        audit.record("review.discarded", actor=reader, target=review, scan=review.scan_id)
    return True


def forget(scan: Scan, *, actor: User | None, why: str) -> int:
    """Delete all reviews of a scan that is itself deleted for good. An audit row keeps each. Returns their number.

    why: the cause in a word, such as `purged`.
    """
    with transaction.atomic():
        rows = Review.objects.filter(scan=scan)
        for row in rows.select_related("reader"):
            kept = {"reader": row.reader.get_username(), "finding": row.finding, "comment": row.comment}
            audit.record("review.purged", actor=actor, target=row, scan=scan.pk, why=why, state=row.state, **kept)
        count = rows.update(purging=True)
        rows.delete()
    return count


def _record(
    prediction: Prediction, reader: User, opinion: Opinion, *, state: ReviewState, version: int, pixels: str
) -> Review:
    with transaction.atomic():
        scan = _lock(prediction.scan_id, reader)
        earlier = Review.objects.filter(scan=scan, reader=reader, current=True).first()
        if earlier is not None and earlier.state != ReviewState.DRAFT:
            return _again(scan, earlier, reader, opinion, state=state)
        opinions.check(opinion, scan=scan, complete=state != ReviewState.DRAFT)
        _check_page(scan, prediction, earlier, opinion, version=version, pixels=pixels)
        if earlier is not None and state == earlier.state and opinion.same_as(earlier):
            return earlier
        fields = opinion.as_fields() | _fields(scan, prediction, reader, earlier, state)
        if earlier is None:
            review = Review.objects.create(scan=scan, reader=reader, **fields)
        else:
            draft = Review.objects.filter(pk=earlier.pk, state=ReviewState.DRAFT, version=earlier.version)
            if not draft.update(version=F("version") + 1, **fields):
                raise _stale()
            review = Review.objects.get(pk=earlier.pk)
        _finish(scan, review, _ACTIONS[state])
    return review


def _again(scan: Scan, earlier: Review, reader: User, opinion: Opinion, *, state: ReviewState) -> Review:
    """Handle an opinion whose reader has committed before: the same one may be signed, any other is refused."""
    if not opinion.same_as(earlier):
        done = "signed" if earlier.state == ReviewState.SIGNED else "committed"
        raise ReviewRefused(f"already_{done}", f"You have {done} this reading already. Amend it, with a reason.")
    if state == ReviewState.SIGNED and earlier.state == ReviewState.COMMITTED:
        return _sign(scan, earlier, reader)
    return earlier


def _check_page(
    scan: Scan, prediction: Prediction, earlier: Review | None, opinion: Opinion, *, version: int, pixels: str
) -> None:
    """Raises ReviewRefused if the reader's page shows what is no longer so."""
    if Prediction.objects.filter(pk=prediction.pk, state__in=ACTIVE).exists():
        raise ReviewRefused("still_running", "The scan is still being analyzed. Review it once that has ended.")
    _check_pixels(scan, pixels)
    if earlier is not None and earlier.version != version and not opinion.same_as(earlier):
        raise _stale()


def _check_pixels(scan: Scan, pixels: str) -> None:
    if pixels and not scan.pixel_sha256.startswith(pixels):
        raise ReviewRefused("scan_changed", "Slices were added to the scan after you opened it. Look at it again.")


def _fields(
    scan: Scan, prediction: Prediction, reader: User, earlier: Review | None, state: ReviewState
) -> dict[str, Any]:
    """What a saved draft, a commit or a signature sets besides the opinion."""
    now = timezone.now()
    mode = reading_policy.mode(reader)
    if earlier is not None and earlier.mode == Mode.OPEN:
        mode = Mode.OPEN  # the result stood beside the draft before the policy became stricter
    shown = earlier.revealed if earlier is not None else None
    fields: dict[str, Any] = {
        "state": state, "saved": now, "mode": mode, "prediction": prediction, "pixel_sha256": scan.pixel_sha256,
        "role": _role(scan, reader), "revealed": None if mode == Mode.BLIND_FIRST else shown or now,
    }  # fmt: skip
    if state != ReviewState.DRAFT:
        seen = exposure.first_seen(scan, reader=reader)
        fields |= {"committed": now, "revealed": min(filter(None, (seen, shown)), default=now)}
    if state == ReviewState.SIGNED:
        fields |= {"signed": now, "signed_by": reader, "readings_required": reading_policy.readings_required(reader)}
    return fields


def _sign(scan: Scan, earlier: Review, reader: User) -> Review:
    now = timezone.now()
    signed = Review.objects.filter(pk=earlier.pk, state=ReviewState.COMMITTED, current=True).update(
        state=ReviewState.SIGNED, signed=now, signed_by=reader, saved=now, version=F("version") + 1,
        role=_role(scan, reader), readings_required=reading_policy.readings_required(reader),
    )  # fmt: skip
    if not signed:
        raise _stale()
    review = Review.objects.get(pk=earlier.pk)
    _finish(scan, review, _ACTIONS[ReviewState.SIGNED])
    return review


def _role(scan: Scan, reader: User) -> Role:
    """An adjudicator decides where signed readings of others disagree; a person who reads after another is the second
    reader."""
    others = Review.objects.filter(scan=scan, current=True).exclude(reader=reader).exclude(state=ReviewState.DRAFT)
    rows = list(others)
    if consensus.disagree([row for row in rows if row.state == ReviewState.SIGNED]):
        return Role.ADJUDICATION
    return Role.SECOND if rows else Role.READER


def _finish(scan: Scan, review: Review, action: str, **details: Any) -> None:
    reading = consensus.refresh(scan)
    opinion = {"finding": review.finding, "type": review.tumor_type, "role": review.role, "mode": review.mode}
    shown = {"scan": scan.pk, "prediction": review.prediction_id, "reading": reading, "blind": review.read_blind}
    audit.record(action, actor=review.reader, target=review, **shown, **opinion, **details)


def _locked(review: Review, reader: User) -> tuple[Scan, Review]:
    """The scan, locked, and the review as it is now. Raises for one that is not the reader's, or was amended."""
    if review.reader_id != reader.pk:
        raise NotYourReading("not_yours", "Only the reader who made a review may change it.")
    scan = _lock(review.scan_id, reader)
    earlier = Review.objects.select_related("reader").filter(pk=review.pk).first()
    if earlier is None:
        raise ReviewRefused("gone", "This draft was deleted meanwhile, in another tab or window.")
    if not earlier.current:
        raise _amended()
    return scan, earlier


def _lock(scan_id: int, reader: User) -> Scan:
    """The scan as it is now, locked until the transaction ends; the reader's account is, too, so that it is not removed
    meanwhile. Raises ReviewRefused for a scan that is gone or in the trash, NotYourReading for a person who may not
    review.
    """
    accounts = ownership.lock(reader)
    # Without a join: PostgreSQL would not find a scan again that moves to another case while this waits for its lock.
    scan = Scan.objects.select_for_update(no_key=True).filter(pk=scan_id).first()
    if scan is None:
        raise ReviewRefused("gone", "The scan was deleted for good meanwhile. Keep what you wrote elsewhere.")
    if scan.in_trash:
        raise ReviewRefused(
            "in_trash", "The scan went to the trash meanwhile. What you wrote is kept below; nothing of it is saved."
        )
    if not all(account.is_active for account in accounts) or not permissions.may_review(reader, scan.case):
        raise NotYourReading(
            "not_a_reader", "You may see this scan, but only its owner and readers review it. Ask for the group reader."
        )
    return scan


def _stale() -> ReviewRefused:
    return ReviewRefused(
        "stale",
        "This draft was changed in another tab or window. What you wrote is kept below; sending it replaces that.",
    )


def _amended() -> ReviewRefused:
    return ReviewRefused(
        "already_amended", "This review was amended meanwhile, in another tab or window. Look at the newest first."
    )
