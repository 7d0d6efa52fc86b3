"""Predictions of scans that are deleted, restored, or have lost their slices to others."""

from typing import Any

import pytest

from diagnosis.inference import transitions
from diagnosis.models import AuditEvent, Prediction
from diagnosis.reviews import transitions as reviews
from diagnosis.reviews.opinions import Opinion
from tests.factories import PredictionFactory


@pytest.mark.django_db
def test_discard_keeps_in_the_audit_who_lost_which_result(user: Any) -> None:
    prediction = PredictionFactory(state="done", outcome="tumor", tumor_probability=0.9)
    scan, number = prediction.scan, prediction.pk
    scan_number = scan.pk
    transitions.discard(scan, actor=user)
    event = AuditEvent.objects.get(action="prediction.discarded")
    assert (event.actor, event.target_type, event.target_id) == (user.username, "prediction", str(number))
    assert event.details == {"scan": scan_number, "outcome": "tumor", "tumor_probability": 0.9}
    assert not Prediction.objects.filter(pk=number).exists()


@pytest.mark.django_db
def test_discard_says_why_a_review_goes(user: Any) -> None:
    prediction = PredictionFactory(state="done", outcome="tumor", scan__case__owner=user)
    review = reviews.sign(prediction, reader=user, opinion=Opinion(finding="no_tumor"))
    transitions.discard(prediction.scan, actor=user)
    event = AuditEvent.objects.filter(target_type="review", target_id=str(review.pk)).order_by("-id").first()
    assert event is not None
    assert event.actor == user.username
    assert "its slices moved to other scans" in event.details.values()


@pytest.mark.django_db
def test_a_deleted_scans_run_says_so() -> None:
    prediction = PredictionFactory(state="queued")
    assert transitions.cancel_deleted(Prediction.objects.all()) == 1
    prediction.refresh_from_db()
    assert (prediction.state, prediction.error_code, prediction.error) == (
        "canceled",
        "deleted",
        "Its scan was deleted.",
    )


@pytest.mark.django_db
def test_restoring_queues_what_the_deletion_ended_and_says_who(user: Any) -> None:
    ended = PredictionFactory(state="canceled", error_code="deleted")
    PredictionFactory(state="canceled")
    PredictionFactory(state="failed", error_code="deleted")
    assert transitions.queue_restored(Prediction.objects.all(), actor=user) == 1
    ended.refresh_from_db()
    assert ended.state == "queued"
    event = AuditEvent.objects.get(action="prediction.retried")
    assert (event.actor, event.target_id) == (user.username, str(ended.pk))
