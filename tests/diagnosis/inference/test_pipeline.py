"""The pipeline: claims, results, faults, cancel, retry and the sweep."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from django.db import IntegrityError, OperationalError

import ml
from diagnosis.inference import pipeline, transitions
from diagnosis.inference.image_files import StorageUnavailable
from diagnosis.models import AuditEvent, Prediction
from ml.contracts import ModelUnavailable
from ml.evidence.localize import restore, upright_peak
from ml.model.heads import CELLS
from tests import builders
from tests.factories import ModelVersionFactory, PredictionFactory, ScanFactory
from tests.fakes import HOT_CELL, fake_model
from tests.queue import Queue

pytestmark = pytest.mark.django_db


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Any:
    fake = fake_model(0.9)
    monkeypatch.setattr("diagnosis.inference.model_versions.load", lambda version: fake)
    return fake


def queued(**kwargs: Any) -> Prediction:
    return PredictionFactory(state="queued", **kwargs)


def fresh(prediction: Prediction) -> Prediction:
    return Prediction.objects.get(pk=prediction.pk)


def test_a_run_records_the_result(model: Any) -> None:
    prediction = queued()
    assert pipeline.run(prediction_id=prediction.pk)
    done = fresh(prediction)
    assert (done.state, done.outcome, done.attempts, done.engine) == ("done", "tumor", 1, "fake")
    assert done.tumor_probability == pytest.approx(0.9, abs=1e-6)
    assert done.type_probabilities == pytest.approx({"glioma": 0.7, "meningioma": 0.2, "pituitary": 0.1}, abs=1e-6)
    assert done.likely_type == "glioma"
    assert done.gate is not None and done.gate["accepted"] is True
    assert set(done.milliseconds) == {"read", "preprocess", "forward", "head", "total"}
    assert done.started and done.finished and done.started <= done.finished


def test_a_run_records_where_the_evidence_lies(model: Any) -> None:
    prediction = queued(scan=ScanFactory(data=builders.exif_jpeg(builders.phantom(200), 6)))
    pipeline.run(prediction_id=prediction.pk)
    done = fresh(prediction)
    found = restore(done.evidence)
    assert found is not None and done.has_map
    assert (found.orientation, len(found.heat)) == (6, CELLS * CELLS)
    assert found.heat[HOT_CELL[0] * CELLS + HOT_CELL[1]] == pytest.approx(0.9 * 255, abs=1)
    u, v = upright_peak(found)  # the head fills the image but for a margin, so cells lie about where they seem to
    assert u == pytest.approx((HOT_CELL[1] + 0.5) / CELLS, abs=0.06)
    assert v == pytest.approx((HOT_CELL[0] + 0.5) / CELLS, abs=0.06)
    assert found.box_fraction == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("score", "outcome", "uncertain"), [(0.52, "tumor", True), (0.48, "no_tumor", True), (0.9, "tumor", False)]
)
def test_a_probability_in_the_band_is_uncertain_whatever_the_outcome(
    monkeypatch: pytest.MonkeyPatch, score: float, outcome: str, uncertain: bool
) -> None:
    monkeypatch.setattr("diagnosis.inference.model_versions.load", lambda version: fake_model(score))
    prediction = queued()
    pipeline.run(prediction_id=prediction.pk)
    assert (fresh(prediction).outcome, fresh(prediction).uncertain) == (outcome, uncertain)
    assert fresh(prediction).likely_type == ("glioma" if outcome == "tumor" and not uncertain else "")


def test_a_training_image_is_marked_as_such(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    analyze_each = ml.analyze_each

    def known(*args: Any, **kwargs: Any) -> Any:
        return (replace(one, trained_on=True) for one in analyze_each(*args, **kwargs))

    monkeypatch.setattr("ml.analyze_each", known)
    prediction = queued()
    pipeline.run(prediction_id=prediction.pk)
    assert fresh(prediction).trained_on


def test_a_message_delivered_twice_does_the_work_once(model: Any) -> None:
    prediction = queued()
    assert pipeline.run(prediction_id=prediction.pk)
    assert not pipeline.run(prediction_id=prediction.pk)
    assert model.engine.passes == 1


@pytest.mark.parametrize("state", ["running", "done", "refused", "failed", "canceled"])
def test_only_what_is_queued_is_claimed(model: Any, state: str) -> None:
    assert not pipeline.run(prediction_id=PredictionFactory(state=state).pk)
    assert model.engine.passes == 0


def test_an_unknown_id_does_nothing(model: Any) -> None:
    assert not pipeline.run(prediction_id=987654)


@pytest.mark.parametrize(
    "pixels, reason",
    [(np.zeros((128, 128), np.uint8), "blank"), (builders.phantom(256)[:8, :8], "too_small")],
)
def test_an_image_that_cannot_be_judged_is_refused_with_its_reason(model: Any, pixels: Any, reason: str) -> None:
    prediction = queued(scan=ScanFactory(data=builders.png_bytes(pixels)))
    pipeline.run(prediction_id=prediction.pk)
    refused = fresh(prediction)
    assert refused.gate is not None
    assert (refused.state, refused.outcome, refused.gate["reason"]) == ("refused", "refused", reason)
    assert refused.tumor_probability is None
    assert refused.gate["message"]


def test_the_same_pixels_and_model_reuse_the_result_in_another_case_of_the_owner(model: Any) -> None:
    version = ModelVersionFactory()
    first = queued(model_version=version)
    pipeline.run(prediction_id=first.pk)
    Prediction.objects.filter(pk=first.pk).update(trained_on=True, uncertain=True, milliseconds={"total": 1e6})
    again = queued(model_version=version, scan__pixel_sha256=first.scan.pixel_sha256, scan__case__owner=first.owner)
    pipeline.run(prediction_id=again.pk)
    assert list(fresh(again).milliseconds) == ["total"]  # its own time, not that of the first
    assert 0 <= fresh(again).milliseconds["total"] < 1e5
    assert model.engine.passes == 1
    assert fresh(again).reused_from == first
    for name in ("outcome", "uncertain", "tumor_probability", "type_probabilities", "evidence", "gate", "trained_on"):
        assert getattr(fresh(again), name) == getattr(fresh(first), name), name


def test_the_same_pixels_of_another_person_run_anew(model: Any) -> None:
    """A copied result would be there sooner, and tell that somebody else has the image."""
    version = ModelVersionFactory()
    first = queued(model_version=version)
    theirs = queued(model_version=version, scan__pixel_sha256=first.scan.pixel_sha256)
    for one in (first, theirs):
        pipeline.run(prediction_id=one.pk)
    assert model.engine.passes == 2
    assert (fresh(theirs).state, fresh(theirs).reused_from) == ("done", None)


def test_another_model_version_runs_anew(model: Any) -> None:
    first = queued()
    again = queued(scan__pixel_sha256=first.scan.pixel_sha256, scan__case__owner=first.owner)
    pipeline.run(prediction_id=first.pk)
    pipeline.run(prediction_id=again.pk)
    assert model.engine.passes == 2


@pytest.mark.parametrize("state", ["failed", "canceled"])
def test_a_failed_or_canceled_run_is_never_reused(model: Any, state: str) -> None:
    version = ModelVersionFactory()
    stopped = PredictionFactory(state=state, model_version=version, scan__pixel_sha256="a" * 64)
    again = queued(model_version=version, scan__pixel_sha256="a" * 64, scan__case__owner=stopped.owner)
    pipeline.run(prediction_id=again.pk)
    assert fresh(again).state == "done"
    assert model.engine.passes == 1


def test_without_a_model_it_fails_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(version: Any) -> None:
        raise ModelUnavailable("model_missing", "No model: manifest.json does not exist.")

    monkeypatch.setattr("diagnosis.inference.model_versions.load", load)
    prediction = queued()
    pipeline.run(prediction_id=prediction.pk)
    failed = fresh(prediction)
    assert (failed.state, failed.error_code) == ("failed", "model_missing")
    assert "does not exist" in failed.error
    assert failed.tumor_probability is None


def test_a_missing_artifact_folder_fails_with_the_reason() -> None:
    prediction = queued(model_version=ModelVersionFactory(path="/nonexistent/model", active=True))
    pipeline.run(prediction_id=prediction.pk)
    assert fresh(prediction).error_code == "model_missing"


def test_an_unexpected_error_fails_the_run_and_hides_its_text(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.analyze_each", lambda *a, **k: 1 / 0)
    prediction = queued()
    pipeline.run(prediction_id=prediction.pk)
    failed = fresh(prediction)
    assert (failed.state, failed.error_code) == ("failed", "internal")
    assert "division" not in failed.error


@pytest.mark.parametrize("fault", [OperationalError("gone"), StorageUnavailable("gone")])
def test_an_infrastructure_fault_releases_the_claim_and_is_raised(
    model: Any, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def analyze_each(*_: Any, **__: Any) -> None:
        raise fault

    monkeypatch.setattr("ml.analyze_each", analyze_each)
    prediction = queued()
    with pytest.raises(type(fault)):
        pipeline.run(prediction_id=prediction.pk)
    assert (fresh(prediction).state, fresh(prediction).started) == ("queued", None)


def test_a_result_that_the_database_refuses_fails_for_good(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def analyze_each(*_: Any, **__: Any) -> None:
        raise IntegrityError("CHECK constraint failed")

    monkeypatch.setattr("ml.analyze_each", analyze_each)
    prediction = queued()
    assert pipeline.run(prediction_id=prediction.pk)
    assert (fresh(prediction).state, fresh(prediction).error_code) == ("failed", "internal")


def test_a_storage_that_never_answers_is_given_up_after_its_attempts(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise RuntimeError("the bucket does not answer")

    monkeypatch.setattr("django.db.models.fields.files.FieldFile.open", away)
    prediction = queued()
    for attempt in range(1, pipeline.STORAGE_ATTEMPTS):
        with pytest.raises(StorageUnavailable):
            pipeline.run(prediction_id=prediction.pk)
        assert (fresh(prediction).state, fresh(prediction).attempts) == ("queued", attempt)
    pipeline.run(prediction_id=prediction.pk)
    assert (fresh(prediction).state, fresh(prediction).error_code) == ("failed", "storage_unavailable")


def test_a_file_that_is_gone_fails_for_good(model: Any) -> None:
    prediction = queued()
    file = prediction.scan.file
    assert file.name is not None
    file.storage.delete(file.name)
    pipeline.run(prediction_id=prediction.pk)
    assert fresh(prediction).error_code == "file_missing"


def test_a_run_canceled_meanwhile_drops_its_result(model: Any, monkeypatch: pytest.MonkeyPatch, user: Any) -> None:
    prediction = queued()
    analyze_each = ml.analyze_each

    def cancel_then_analyze(*args: Any, **kwargs: Any) -> Any:
        assert transitions.cancel(prediction=prediction, actor=user)
        return analyze_each(*args, **kwargs)

    monkeypatch.setattr("ml.analyze_each", cancel_then_analyze)
    pipeline.run(prediction_id=prediction.pk)
    assert (fresh(prediction).state, fresh(prediction).outcome) == ("canceled", "")


def test_a_run_taken_over_meanwhile_drops_its_result(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    prediction = queued()
    analyze_each = ml.analyze_each

    def lose_claim(*args: Any, **kwargs: Any) -> Any:
        Prediction.objects.filter(pk=prediction.pk).update(attempts=2)
        return analyze_each(*args, **kwargs)

    monkeypatch.setattr("ml.analyze_each", lose_claim)
    pipeline.run(prediction_id=prediction.pk)
    assert fresh(prediction).state == "running"


def test_a_run_canceled_and_retried_meanwhile_leaves_the_new_run_alone(
    model: Any, monkeypatch: pytest.MonkeyPatch, user: Any, model_version: Any
) -> None:
    """Both runs are their row's first attempt, but only the second one may write its result."""
    prediction = queued()
    analyze_each = ml.analyze_each

    def restart_then_analyze(*args: Any, **kwargs: Any) -> Any:
        assert transitions.cancel(prediction=prediction, actor=user)
        assert transitions.retry(prediction=prediction, actor=user)
        assert transitions.claim(prediction.pk)
        return analyze_each(*args, **kwargs)

    monkeypatch.setattr("ml.analyze_each", restart_then_analyze)
    pipeline.run(prediction_id=prediction.pk)
    assert (fresh(prediction).state, fresh(prediction).attempts) == ("running", 1)


@pytest.mark.parametrize(
    "state, works", [("failed", True), ("canceled", True), ("queued", False), ("running", False), ("done", False)]
)
def test_retry(
    user: Any, model_version: Any, sent: Queue, state: str, works: bool, django_capture_on_commit_callbacks: Any
) -> None:
    prediction = PredictionFactory(state=state)
    with django_capture_on_commit_callbacks(execute=True):
        assert transitions.retry(prediction=prediction, actor=user) is works
    assert sent == ([prediction.pk] if works else [])
    assert AuditEvent.objects.filter(action="prediction.retried").count() == int(works)
    if works:
        again = fresh(prediction)
        assert (again.state, again.error, again.attempts, again.finished) == ("queued", "", 0, None)
        assert again.model_version == model_version


def test_retry_beside_a_live_run_is_refused(user: Any, model_version: Any) -> None:
    failed = PredictionFactory(state="failed", model_version=model_version)
    PredictionFactory(state="queued", scan=failed.scan, model_version=model_version)
    assert not transitions.retry(prediction=failed, actor=user)
    assert fresh(failed).state == "failed"


@pytest.mark.parametrize("state, works", [("queued", True), ("running", True), ("done", False), ("failed", False)])
def test_cancel(user: Any, state: str, works: bool) -> None:
    prediction = PredictionFactory(state=state)
    assert transitions.cancel(prediction=prediction, actor=user) is works
    assert fresh(prediction).state == ("canceled" if works else state)
    assert AuditEvent.objects.filter(action="prediction.canceled").count() == int(works)


def test_a_run_that_meets_the_time_limit_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    from celery.exceptions import SoftTimeLimitExceeded

    from diagnosis.inference.tasks import run_prediction

    def never_ends(version: Any) -> None:
        raise SoftTimeLimitExceeded

    monkeypatch.setattr("diagnosis.inference.model_versions.load", never_ends)
    prediction = queued()
    run_prediction(prediction_id=prediction.pk)
    assert fresh(prediction).error_code == "time_limit"
