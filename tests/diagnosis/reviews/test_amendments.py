"""Amendments: a committed opinion changes only by a new review that gives a reason."""

from typing import Any

import pytest

from diagnosis.models import AuditEvent, Prediction, Review
from diagnosis.reviews import transitions
from diagnosis.reviews.errors import InvalidOpinion, ReviewRefused
from tests.diagnosis.reviews.test_transitions import NO_TUMOR, TUMOR, prediction
from tests.factories import PredictionFactory

__all__ = ["prediction"]

pytestmark = pytest.mark.django_db


def test_an_amendment_keeps_the_earlier_text(user: Any, prediction: Prediction) -> None:
    signed = transitions.sign(prediction, reader=user, opinion=TUMOR)
    amended = transitions.amend(signed, reader=user, opinion=NO_TUMOR, reason=" An artifact. ")
    signed.refresh_from_db()
    assert (signed.current, signed.comment, signed.finding) == (False, "Left temporal.", "tumor")
    assert (amended.amends, amended.reason, amended.state) == (signed, "An artifact.", "signed")
    event = AuditEvent.objects.get(action="review.amended")
    assert (event.details["amends"], event.details["reason"]) == (signed.pk, "An artifact.")
    with pytest.raises(ReviewRefused) as refused:
        transitions.amend(signed, reader=user, opinion=TUMOR, reason="From a tab that was open.")
    assert refused.value.code == "already_amended"


def test_an_amendment_needs_a_reason_and_a_difference(user: Any, prediction: Prediction) -> None:
    draft = transitions.save_draft(prediction, reader=user, opinion=TUMOR)
    with pytest.raises(ReviewRefused, match="A draft is not amended"):
        transitions.amend(draft, reader=user, opinion=NO_TUMOR, reason="Early.")
    signed = transitions.sign(prediction, reader=user, opinion=TUMOR, version=1)
    for reason in ("", "  ", "x" * 4001):
        with pytest.raises(InvalidOpinion) as invalid:
            transitions.amend(signed, reader=user, opinion=NO_TUMOR, reason=reason)
        assert list(invalid.value.errors) == ["reason"]
    with pytest.raises(ReviewRefused) as refused:
        transitions.amend(signed, reader=user, opinion=TUMOR, reason="For no reason.")
    assert refused.value.code == "nothing_changed"
    assert Review.objects.get().current


def test_a_committed_or_signed_opinion_is_only_amended(user: Any, prediction: Prediction) -> None:
    for change, code in ((transitions.commit, "already_committed"), (transitions.sign, "already_signed")):
        change(prediction, reader=user, opinion=TUMOR)
        for again in (transitions.save_draft, transitions.commit, transitions.sign):
            with pytest.raises(ReviewRefused) as refused:
                again(prediction, reader=user, opinion=NO_TUMOR)
            assert refused.value.code == code


def test_an_amendment_stands_beside_the_run_that_is_known_and_keeps_the_rest(user: Any, prediction: Prediction) -> None:
    committed = transitions.commit(prediction, reader=user, opinion=TUMOR)
    newer = PredictionFactory(scan=prediction.scan)
    amended = transitions.amend(committed, reader=user, opinion=NO_TUMOR, reason="x" * 4000, beside=newer)
    assert (amended.prediction, amended.state, amended.signed, amended.signed_by) == (newer, "committed", None, None)
    assert (amended.mode, amended.revealed, amended.version) == (committed.mode, committed.revealed, 1)
    assert (amended.pixel_sha256, amended.reason) == (prediction.scan.pixel_sha256, "x" * 4000)
    signed = transitions.sign_committed(amended, reader=user)
    PredictionFactory(scan=prediction.scan)
    again = transitions.amend(signed, reader=user, opinion=TUMOR, reason="Once more.")
    assert again.prediction == newer
    assert again.committed and signed.signed
    assert (again.state, again.signed_by) == ("signed", user) and again.signed == again.committed > signed.signed
