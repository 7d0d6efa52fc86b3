"""What people say of a scan, in the words of a report."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from diagnosis.access import selectors
from diagnosis.access.users import AnyUser
from diagnosis.models import Review, Scan
from diagnosis.models.review import Finding, ReviewState, Role
from diagnosis.models.scan import Reading as Progress
from diagnosis.presentation import evidence
from diagnosis.reviews import consensus
from ml.percent import percent

HIDDEN = "Read the scan first: until you have, its result is hidden from you."

_READING_TEXTS = {
    Progress.UNREAD: "Not signed: no reader has signed a finding.",
    Progress.READ: "Not final: readers have recorded a finding, but a signature is missing.",
    Progress.DISAGREEMENT: "Not final: the readers disagree, and nobody has decided between them yet.",
    Progress.SIGNED: "Signed.",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """One review.

    reader, username: whose it is, for people and for systems. family_name, given_name: "" if unknown. finding: a value
    of Finding. location: where it lies, in words, "" if it was not marked. box, point: the same as fractions of the
    upright image. slice_index: of a series, from 0. reason: why it amends an earlier one. current: not amended by a
    later one. holds: its finding is the scan's. outdated: the scan had other pixels then, for slices were added since.
    run: id of the prediction beside it.
    """

    reader: str
    username: str
    family_name: str
    given_name: str
    role: str
    finding: str
    tumor_type: str
    confidence: str
    comment: str
    location: str
    box: tuple[float, float, float, float] | None
    point: tuple[float, float] | None
    slice_index: int | None
    committed: datetime | None
    signed: datetime | None
    blind: bool
    reason: str
    current: bool
    holds: bool
    outdated: bool
    run: int | None

    @property
    def finding_text(self) -> str:
        """`Tumor, glioma`."""
        words = str(Finding(self.finding).label)
        return f"{words}, {self.tumor_type}" if self.tumor_type else words

    @property
    def sentences(self) -> tuple[str, ...]:
        """Everything else that the reader recorded, with their comments as written."""
        texts = [
            f"Confidence: {self.confidence}.",
            f"Where: {self.location}.",
            self.comment,
            f"Amended because: {self.reason}",
        ]
        given = (self.confidence, self.location, self.comment, self.reason)
        return tuple(sentence for sentence, there in zip(texts, given, strict=True) if there)

    @property
    def signature(self) -> str:
        """Who signed it and when, or that nobody did."""
        who = self.reader if self.role == Role.READER.label else f"{self.reader}, {self.role.lower()}"
        if self.signed:
            done = f"Signed by {who}, {moment(self.signed)}"
        else:
            done = f"Recorded by {who}, {moment(self.committed)}; not signed"
        seen = ", before seeing what the model says" if self.blind else ""
        later = "" if self.current else " Replaced by a later amendment."
        return f"{done}{seen}.{later}{' Slices were added since, and are not judged in it.' if self.outdated else ''}"


def reviews_by_scan(user: AnyUser, *, scans: Iterable[int]) -> Mapping[int, list[Review]]:
    """The reviews of these scans that the user may see, with their readers. One query."""
    found: Mapping[int, list[Review]] = defaultdict(list)
    for review in selectors.reviews(user).filter(scan__in=scans):
        found[review.scan_id].append(review)
    return found


def of_reviews(reviews: Sequence[Review], *, scan: Scan) -> tuple[Reading, ...]:
    """The readings that were recorded: the one that holds first, then the current ones, then what they amended.

    reviews: all of the scan, with their readers; drafts are left out.
    """
    final = consensus.of_reviews(reviews).final
    rows = [row for row in reviews if row.state != ReviewState.DRAFT]
    rows.sort(key=lambda row: (row != final, not row.current, -row.pk))
    return tuple(_reading(row, frames=scan.frames, pixels=scan.pixel_sha256, holds=row == final) for row in rows)


def reading_text(reviews: Sequence[Review]) -> str:
    """The scan's review state in words."""
    return _READING_TEXTS[consensus.of_reviews(reviews).reading]


def moment(at: datetime | None) -> str:
    """A time as reports write it, in the site's zone: `2025-03-04 05:06:07 UTC`; "" for None."""
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M:%S %Z}" if at else ""


def _reading(review: Review, *, frames: int, pixels: str, holds: bool) -> Reading:
    username, name = review.reader.get_username(), review.reader.get_full_name()
    outdated = review.pixel_sha256 != pixels
    return Reading(
        reader=f"{name} ({username})" if name else username,
        username=username,
        family_name=review.reader.last_name,
        given_name=review.reader.first_name,
        role=str(review.get_role_display()),
        finding=review.finding,
        tumor_type=review.tumor_type,
        confidence=str(review.get_confidence_display()).lower(),
        comment=review.comment,
        location=_location(review, "before slices were added" if outdated else f"of {frames}"),
        box=review.box,
        point=review.point,
        slice_index=review.slice_index,
        committed=review.committed,
        signed=review.signed,
        blind=review.read_blind,
        reason=review.reason,
        current=review.current,
        holds=holds,
        outdated=outdated,
        run=review.prediction_id,
    )


def _location(review: Review, among: str) -> str:
    """among: which slices its index counts."""
    where = [f"slice {review.slice_index + 1} {among}"] if review.slice_index is not None else []
    if review.box:
        x0, y0, x1, y1 = review.box
        edges = " to ".join(f"{percent(x)} across, {percent(y)} down" for x, y in ((x0, y0), (x1, y1)))
        where.append(f"{evidence.region((x0 + x1) / 2, (y0 + y1) / 2)} of the image, a box from {edges}")
    elif review.point:
        x, y = review.point
        where.append(f"{evidence.region(x, y)} of the image, at {percent(x)} across, {percent(y)} down")
    return ", ".join(where)
