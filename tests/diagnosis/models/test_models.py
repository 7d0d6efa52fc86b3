"""What the database itself refuses, whatever code writes to it."""

from typing import Any

import pytest
from django.db import IntegrityError
from django.db.models import ProtectedError
from django.utils import timezone

from diagnosis.access import audit
from diagnosis.models import AuditEvent, Prediction
from diagnosis.models.prediction import TumorType
from ml.contracts import TUMOR_TYPES
from tests.factories import CaseFactory, ModelVersionFactory, PredictionFactory, ScanFactory

pytestmark = pytest.mark.django_db

BROKEN = [
    {"state": "lost"},
    {"tumor_probability": 1.5},
    {"tumor_probability": -0.1},
    {"tumor_probability": None},
    {"outcome": ""},
    {"outcome": "refused"},
    {"model_version": None},
    {"finished": None},
    {"state": "failed", "error_code": ""},
    {"state": "queued"},
    {"state": "refused"},
]


@pytest.mark.parametrize("change", BROKEN, ids=str)
def test_a_prediction_that_contradicts_itself_is_refused(change: dict[str, Any]) -> None:
    prediction = PredictionFactory()
    with pytest.raises(IntegrityError):
        Prediction.objects.filter(pk=prediction.pk).update(**change)


def test_one_live_prediction_per_scan_and_model() -> None:
    first = PredictionFactory()
    with pytest.raises(IntegrityError):
        PredictionFactory(scan=first.scan, model_version=first.model_version, state="queued")


def test_a_scan_may_have_several_failed_predictions() -> None:
    first = PredictionFactory(state="failed")
    PredictionFactory(scan=first.scan, model_version=first.model_version, state="failed")


@pytest.mark.parametrize("change", [{"sha256": "x"}, {"pixel_sha256": "A" * 64}, {"size": 0}, {"width": 0}], ids=str)
def test_a_scan_without_digests_or_extent_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError):
        ScanFactory(**({"data": b"x"} | change))


def test_pixels_are_unique_within_a_case() -> None:
    scan = ScanFactory()
    with pytest.raises(IntegrityError):
        ScanFactory(case=scan.case, pixel_sha256=scan.pixel_sha256)


def test_references_are_unique_per_owner() -> None:
    case = CaseFactory()
    CaseFactory(reference=case.reference)
    with pytest.raises(IntegrityError):
        CaseFactory(owner=case.owner, reference=case.reference)


def test_at_most_one_model_version_is_active() -> None:
    ModelVersionFactory(active=True)
    with pytest.raises(IntegrityError):
        ModelVersionFactory(active=True)


def test_a_user_with_results_cannot_be_deleted(user: Any) -> None:
    PredictionFactory(scan__case__owner=user)
    with pytest.raises(ProtectedError):
        user.delete()


def test_audit_events_are_append_only(user: Any) -> None:
    event = audit.record("scan.uploaded", actor=user, target=user, sha256="abc")
    assert (event.actor, event.actor_id, event.target_type, event.details) == (
        "ada",
        user.pk,
        "user",
        {"sha256": "abc"},
    )
    for change in (
        event.save,
        event.delete,
        AuditEvent.objects.all().delete,
        lambda: AuditEvent.objects.update(actor="x"),
    ):
        with pytest.raises(TypeError):
            change()
    with pytest.raises(IntegrityError):
        AuditEvent(action="", at=timezone.now()).save()


@pytest.mark.parametrize(
    ("fields", "listed"),
    [
        ({}, "glioma"),
        ({"type_probabilities": {"glioma": 0.2, "meningioma": 0.5, "pituitary": 0.3}}, "meningioma"),
        ({"type_probabilities": {"glioma": 0.2, "meningioma": 0.3, "pituitary": 0.5}}, "pituitary"),
        ({"type_probabilities": {"glioma": 0.1, "meningioma": 0.1, "pituitary": 0.1, "other": 0.7}}, "other"),
        ({"type_probabilities": {"other": 1e-7, "glioma": 1.0}}, "glioma"),
        ({"type_probabilities": {}}, ""),
        ({"type_probabilities": None}, ""),
        ({"uncertain": True}, ""),
        ({"outcome": "no_tumor", "tumor_probability": 0.1}, ""),
        ({"state": "failed"}, ""),
    ],
)
def test_the_worklist_states_the_type_of_certain_tumors(db: None, fields: dict[str, Any], listed: str) -> None:
    made = PredictionFactory(**fields)
    made.refresh_from_db()
    assert made.listed_type == listed


def test_the_columns_know_every_tumor_type_that_training_teaches() -> None:
    assert tuple(TumorType.values) == TUMOR_TYPES
