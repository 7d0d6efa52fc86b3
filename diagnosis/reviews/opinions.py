"""What a reader says of a scan, and the rules that it must keep."""

import math
from dataclasses import dataclass
from typing import Any

from diagnosis.models import Review, Scan
from diagnosis.models.review import LONGEST_COMMENT, Confidence, Finding
from diagnosis.reviews.errors import InvalidOpinion
from ml.contracts import TUMOR_TYPES


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """One opinion.

    location: of the finding, as fractions of the upright image's width and height: x, y of a point, or the edges
    x0, y0, x1, y1 of a box; empty if the reader marked nothing. slice_index: of a series, the slice with that location.
    """

    finding: str = ""
    tumor_type: str = ""
    confidence: str = ""
    comment: str = ""
    location: tuple[float, ...] = ()
    slice_index: int | None = None

    def as_fields(self) -> dict[str, Any]:
        """Values of the review's columns."""
        edges: dict[str, float | None] = dict.fromkeys(("x0", "y0", "x1", "y1"))
        return {
            "finding": self.finding,
            "tumor_type": self.tumor_type,
            "confidence": self.confidence,
            "comment": self.comment,
            "slice_index": self.slice_index,
            **(edges | dict(zip(edges, self.location, strict=False))),
        }

    def same_as(self, review: Review) -> bool:
        return all(getattr(review, name) == value for name, value in self.as_fields().items())


def of_review(review: Review) -> Opinion:
    return Opinion(
        finding=review.finding,
        tumor_type=review.tumor_type,
        confidence=review.confidence,
        comment=review.comment,
        location=review.box or review.point or (),
        slice_index=review.slice_index,
    )


def check(opinion: Opinion, *, scan: Scan, complete: bool) -> None:
    """Raises InvalidOpinion with a sentence for each field that breaks a rule. complete: it must have a finding."""
    errors = {name: sentence for name, sentence in _problems(opinion, scan, complete=complete) if sentence}
    if errors:
        raise InvalidOpinion(errors)


def _problems(opinion: Opinion, scan: Scan, *, complete: bool) -> list[tuple[str, str]]:
    return [
        ("finding", _finding(opinion.finding, complete=complete)),
        ("tumor_type", _tumor_type(opinion)),
        ("confidence", "" if opinion.confidence in ("", *Confidence.values) else _one_of(Confidence.values)),
        ("comment", check_text(opinion.comment)),
        ("location", _location(opinion.location)),
        ("slice", _slice(opinion, scan)),
    ]


def check_text(text: str) -> str:
    """What is wrong with a comment or a reason; empty if it can be kept."""
    if "\0" in text:
        return "The text holds a character that cannot be stored."
    return "" if len(text) <= LONGEST_COMMENT else f"At most {LONGEST_COMMENT:,} characters; this is {len(text):,}."


def _finding(finding: str, *, complete: bool) -> str:
    if not finding:
        return "Choose a finding: tumor, no tumor, or can't tell." if complete else ""
    return "" if finding in Finding.values else _one_of(Finding.values)


def _tumor_type(opinion: Opinion) -> str:
    if not opinion.tumor_type:
        return ""
    if opinion.tumor_type not in TUMOR_TYPES:
        return _one_of(TUMOR_TYPES)
    return "" if opinion.finding == Finding.TUMOR else "Only a tumor has a type: choose the finding tumor, or no type."


def _location(location: tuple[float, ...]) -> str:
    if not location:
        return ""
    inside = all(math.isfinite(value) and 0.0 <= value <= 1.0 for value in location)
    if len(location) not in (2, 4) or not inside:
        return "A location is a point x, y or a box x0, y0, x1, y1, in fractions from 0 to 1 of the image."
    if len(location) == 4 and not (location[0] < location[2] and location[1] < location[3]):
        return "A box's left and upper edges lie before its right and lower ones."
    return ""


def _slice(opinion: Opinion, scan: Scan) -> str:
    if opinion.slice_index is None:
        return "Say on which slice the location lies." if opinion.location and scan.is_series else ""
    if not scan.is_series:
        return "Only a series has slices."
    return "" if 0 <= opinion.slice_index < scan.frames else f"The series has the slices 0 to {scan.frames - 1}."


def _one_of(values: Any) -> str:
    return f"Choose one of: {', '.join(values)}."
