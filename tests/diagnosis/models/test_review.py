"""What the database refuses of reviews, whatever code writes to it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from diagnosis.models import Review
from tests.factories import PredictionFactory, ReviewFactory, UserFactory, digest

pytestmark = pytest.mark.django_db

LATER = datetime(2099, 1, 1, tzinfo=UTC)

CONTRADICTIONS = [
    ("signed", {"signed_by": None}),
    ("signed", {"signed": None}),
    ("signed", {"finding": ""}),
    ("draft", {"signed": LATER}),
    ("draft", {"committed": LATER}),
    ("lost", {}),
    ("draft", {"role": "judge"}),
    ("draft", {"mode": "half"}),
    ("draft", {"finding": "maybe"}),
    ("draft", {"confidence": "huge"}),
    ("draft", {"finding": "no_tumor", "tumor_type": "glioma"}),
    ("draft", {"mode": "blind_first", "revealed": LATER}),
    ("draft", {"reason": "no earlier one"}),
    ("draft", {"current": False}),
    ("draft", {"readings_required": 3}),
    ("draft", {"comment": "x" * 4001}),
    ("draft", {"pixel_sha256": "x"}),
    ("draft", {"x0": 0.5}),
    ("draft", {"x0": 0.5, "y0": 1.5}),
    ("draft", {"x0": 0.5, "y0": 0.5, "x1": 0.7}),
    ("draft", {"x0": 0.5, "y0": 0.5, "x1": 0.4, "y1": 0.7}),
    ("draft", {"x1": 0.4, "y1": 0.7}),
]


@pytest.mark.parametrize(("state", "fields"), CONTRADICTIONS, ids=str)
def test_a_review_that_contradicts_itself_is_refused(state: str, fields: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError):
        ReviewFactory(state=state, **fields)


def test_points_and_boxes_are_places() -> None:
    assert ReviewFactory(x0=0.0, y0=1.0).point == (0.0, 1.0)
    assert ReviewFactory(x0=0.1, y0=0.2, x1=0.3, y1=0.4).box == (0.1, 0.2, 0.3, 0.4)


def test_only_its_reader_signs() -> None:
    with pytest.raises(IntegrityError):
        ReviewFactory(signed_by=UserFactory())


def test_one_current_review_per_reader_and_scan() -> None:
    first = ReviewFactory()
    with pytest.raises(IntegrityError), transaction.atomic():
        ReviewFactory(scan=first.scan, reader=first.reader, state="draft")
    ReviewFactory(scan=first.scan)
    ReviewFactory(reader=first.reader)


def test_an_amendment_has_a_reason_and_is_the_only_one_of_its_review() -> None:
    first = ReviewFactory()
    Review.objects.filter(pk=first.pk).update(current=False)
    same = {"scan": first.scan, "reader": first.reader, "amends": first}
    with pytest.raises(IntegrityError), transaction.atomic():
        ReviewFactory(**same)
    ReviewFactory(**same, reason="Seen on a second look.")
    with pytest.raises(IntegrityError):
        ReviewFactory(**same, current=False, reason="Once more.")


def other_values(review: Review) -> dict[str, Any]:
    """For each column a value that no other constraint would refuse."""
    reader = UserFactory()
    return {
        "id": review.pk + 1000, "scan_id": PredictionFactory().scan_id, "prediction_id": PredictionFactory().pk,
        "reader_id": reader.pk, "role": "second", "mode": "blind_first", "state": "committed", "finding": "no_tumor",
        "tumor_type": "glioma", "confidence": "low", "comment": "Changed.", "x0": 0.1, "y0": 0.1, "x1": 0.9, "y1": 0.9,
        "slice_index": 3, "pixel_sha256": digest("others"), "created": LATER, "saved": LATER, "committed": LATER,
        "revealed": LATER, "signed": LATER, "signed_by_id": reader.pk, "readings_required": 2,
        "amends_id": review.pk, "reason": "Changed.", "version": 7,
    }  # fmt: skip


COLUMNS = [field.attname for field in Review._meta.concrete_fields]
CHANGEABLE = {"current", "purging"}
ON_THE_WAY_TO_SIGNED = {"state", "role", "saved", "signed", "signed_by_id", "readings_required", "version"}


@pytest.mark.parametrize("column", COLUMNS)
def test_no_column_of_a_signed_review_changes(column: str) -> None:
    review = ReviewFactory(x0=0.2, y0=0.2, x1=0.3, y1=0.3)
    if column in CHANGEABLE:
        Review.objects.filter(pk=review.pk).update(**{column: column == "purging"})
        return
    with pytest.raises(IntegrityError, match=r"only amended|stays with"):
        Review.objects.filter(pk=review.pk).update(**{column: other_values(review)[column]})


@pytest.mark.parametrize("column", sorted(set(COLUMNS) - CHANGEABLE - ON_THE_WAY_TO_SIGNED))
def test_the_opinion_of_a_committed_review_stays(column: str) -> None:
    review = ReviewFactory(state="committed", x0=0.2, y0=0.2, x1=0.3, y1=0.3)
    with pytest.raises(IntegrityError, match=r"only amended|stays with"):
        Review.objects.filter(pk=review.pk).update(**{column: other_values(review)[column]})


def test_a_committed_review_does_not_become_a_draft_again() -> None:
    review = ReviewFactory(state="committed")
    with pytest.raises(IntegrityError):
        Review.objects.filter(pk=review.pk).update(state="draft", committed=None)


def test_an_amended_review_does_not_become_current_again() -> None:
    review = ReviewFactory()
    Review.objects.filter(pk=review.pk).update(current=False)
    with pytest.raises(IntegrityError, match="not current again"):
        Review.objects.filter(pk=review.pk).update(current=True)


@pytest.mark.parametrize("state", ["committed", "signed"])
def test_a_committed_review_is_not_deleted(state: str) -> None:
    review = ReviewFactory(state=state)
    with pytest.raises(IntegrityError, match="is kept"), transaction.atomic():
        review.delete()
    Review.objects.update(purging=True)
    assert review.delete()[0] == 1


def test_a_draft_changes_and_is_deleted() -> None:
    review = ReviewFactory(state="draft")
    Review.objects.filter(pk=review.pk).update(finding="no_tumor", comment="Another thought.")
    assert review.delete()[0] == 1
