"""The reading panel of the result page: what its form holds, and what was read before."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.http import HttpRequest

from diagnosis.access import reading_policy, selectors
from diagnosis.access.permissions import may_review
from diagnosis.models import Prediction, Review
from diagnosis.models.prediction import Outcome, State
from diagnosis.models.review import Confidence, Finding, ReviewState
from diagnosis.models.scan import Reading
from diagnosis.reviews import consensus, opinions
from diagnosis.reviews.errors import InvalidOpinion, ReviewRefused
from diagnosis.reviews.opinions import Opinion
from ml.contracts import TUMOR_TYPES

COORDINATES = ("x0", "y0", "x1", "y1")


@dataclass(frozen=True, slots=True)
class Panel:
    """own: the user's current review. opinion: what the form shows, which is what was typed if that was refused.

    earlier: reviews that an amendment has replaced. final: the review that holds. agreed: what the button that agrees
    with the model signs, None where the model says nothing to agree with.
    """

    may_review: bool
    is_blind: bool
    own: Review | None
    others: list[Review]
    earlier: list[Review]
    final: Review | None
    reading: Reading
    opinion: Opinion
    agreed: Opinion | None
    version: int
    pixels: str
    reason: str
    problem: str
    errors: Mapping[str, str]

    findings = Finding.choices
    confidences = Confidence.choices
    types = TUMOR_TYPES

    @property
    def is_open(self) -> bool:
        """Whether the opinion can still be changed without an amendment."""
        return self.own is None or self.own.state == ReviewState.DRAFT

    @property
    def coordinates(self) -> list[tuple[str, float | str]]:
        """Name and value of each hidden field of the location."""
        location = self.opinion.location
        return [(name, location[n] if n < len(location) else "") for n, name in enumerate(COORDINATES)]

    @property
    def locations(self) -> str:
        """For the viewer: the locations of current readings, as far as they surely lie on the slices that they name."""
        rows = [row for row in (self.own, *self.others) if row is not None and _shows(row, self.pixels)]
        return json.dumps([_drawn(row) for row in rows if row.point or row.box]) if rows else ""

    @property
    def is_location_lost(self) -> bool:
        """Whether slices were added since the user's review marked a location."""
        return self.own is not None and self.own.x0 is not None and not _shows(self.own, self.pixels)


def of(
    request: HttpRequest, found: Prediction, *, typed: Mapping[str, str] | None = None, refused: Any = None
) -> Panel:
    """Two queries. typed: the form that was refused, so that nothing of it is lost."""
    rows = list(selectors.reviews(request.user).filter(scan=found.scan_id).select_related("amended_by"))
    own = next((row for row in rows if row.current and row.reader_id == request.user.pk), None)
    holds = consensus.of_reviews(rows)
    pixels = found.scan.pixel_sha256[:16]
    stored = opinions.of_review(own) if own else Opinion()
    if own and not _shows(own, pixels):
        stored = replace(stored, location=(), slice_index=None)
    return Panel(
        may_review=may_review(request.user, found.scan.case),
        is_blind=reading_policy.is_blind_first(request.user),
        own=own,
        others=[row for row in rows if row.current and row is not own],
        earlier=[row for row in rows if not row.current],
        final=holds.final,
        reading=Reading(found.scan.reading),
        opinion=stored if typed is None else _lenient(typed),
        agreed=agreed(found),
        version=own.version if own else 0,  # of what the page shows now, so that sending again is a decision
        pixels=pixels,
        reason=typed.get("reason", "") if typed is not None else "",
        problem=refused.message if isinstance(refused, ReviewRefused) else "",
        errors=refused.errors if isinstance(refused, InvalidOpinion) else {},
    )


def agreed(found: Prediction) -> Opinion | None:
    """The model's result as an opinion; None where it is hidden, uncertain or missing."""
    if found.state != State.DONE or found.blinded or found.uncertain:
        return None
    tumor_type = found.likely_type if found.outcome == Outcome.TUMOR else ""
    return Opinion(finding=found.outcome, tumor_type=tumor_type if tumor_type in TUMOR_TYPES else "")


def parse(data: Mapping[str, str]) -> Opinion:
    """The opinion that a form sends. Raises InvalidOpinion for a location or slice that is no number."""
    texts = [data.get(name, "").strip() for name in COORDINATES]
    try:
        location = tuple(float(text) for text in texts if text)
    except ValueError:
        raise InvalidOpinion({"location": "A location is given in numbers from 0 to 1."}) from None
    index = data.get("slice", "").strip()
    if index and whole(index) is None:
        raise InvalidOpinion({"slice": "A slice is a whole number from 0."})
    return Opinion(
        finding=data.get("finding", ""),
        tumor_type=data.get("tumor_type", ""),
        confidence=data.get("confidence", ""),
        comment=data.get("comment", "").replace("\r\n", "\n").strip(),
        location=location,
        slice_index=whole(index) if index else None,
    )


def _lenient(data: Mapping[str, str]) -> Opinion:
    """What was typed, but for a location that cannot be read."""
    try:
        return parse(data)
    except InvalidOpinion:
        return parse({key: value for key, value in data.items() if key not in (*COORDINATES, "slice")})


def whole(text: str) -> int | None:
    """The whole number that a form's field holds; None for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def _shows(row: Review, pixels: str) -> bool:
    """Whether the review is of the slices that the page shows: its index may name another one of them otherwise."""
    return row.pixel_sha256.startswith(pixels)


def _drawn(row: Review) -> dict[str, Any]:
    location: dict[str, Any] = {"box": row.box} if row.box else {"x": row.x0, "y": row.y0}
    return {**location, "slice": row.slice_index, "label": row.reader.get_username()}
