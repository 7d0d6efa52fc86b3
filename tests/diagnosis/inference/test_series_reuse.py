"""Results of a series beside earlier ones: of another run, another model, or slices that have left since."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from diagnosis import intake
from diagnosis.inference import pipeline, transitions
from diagnosis.models import ModelVersion, Prediction, Scan, SliceResult
from tests import builders
from tests.diagnosis.inference.test_series import fresh, model, series
from tests.factories import ModelVersionFactory

__all__ = ["model"]

pytestmark = pytest.mark.django_db


def test_another_model_analyzes_all_slices_again(user: Any, model: Any) -> None:
    prediction = series(user, 6)
    forward = model.engine.forward

    def fails(batch: Any) -> Any:
        if model.engine.passes:
            raise RuntimeError("boom")
        return forward(batch)

    model.engine.forward = fails
    pipeline.run(prediction_id=prediction.pk)
    assert (fresh(prediction).state, SliceResult.objects.count()) == ("failed", 4)
    model.engine.forward = forward
    transitions.retry(prediction=fresh(prediction), actor=user)
    assert SliceResult.objects.count() == 4  # of the same model, so they stay
    Prediction.objects.update(state="failed", error_code="x", finished=timezone.now())
    ModelVersion.objects.update(active=False)
    ModelVersionFactory(active=True)
    transitions.retry(prediction=fresh(prediction), actor=user)
    assert (SliceResult.objects.count(), fresh(prediction).progress) == (0, 0)


def test_a_result_for_fewer_slices_is_not_reused(user: Any, other_user: Any, model: Any) -> None:
    """A run under an older model stays as it was, although its scan has grown."""
    files = [SimpleUploadedFile(f"{n}", data) for n, data in enumerate(builders.dicom_series(6))]
    old = intake.receive(user=user, files=files[:3]).accepted[0].prediction
    pipeline.run(prediction_id=old.pk)
    first = old.model_version
    ModelVersion.objects.update(active=False)
    ModelVersionFactory(active=True)
    grown = intake.receive(user=user, files=files[3:]).accepted[0].prediction
    pipeline.run(prediction_id=grown.pk)
    whole = fresh(grown).series
    assert first is not None and whole is not None
    assert (fresh(old).state, whole["accepted"]) == ("done", 6)
    ModelVersion.objects.update(active=False)
    ModelVersion.objects.filter(pk=first.pk).update(active=True)
    for file in files:
        file.seek(0)
    theirs = intake.receive(user=other_user, files=files).accepted[0].prediction
    Prediction.objects.filter(pk=theirs.pk).update(owner=user)
    pipeline.run(prediction_id=theirs.pk)
    whole = fresh(theirs).series
    assert whole is not None
    assert (fresh(theirs).reused_from, whole["accepted"]) == (None, 6)


def test_a_result_of_a_slice_that_has_left_its_scan_is_not_copied(user: Any, other_user: Any, model: Any) -> None:
    """A run may write a result just after its slice has moved to another scan."""
    same = {"SeriesInstanceUID": "1.2.3.4", "StudyInstanceUID": "1.2.3"}
    done, elsewhere = series(user, 3, **same), series(user, 4, size=64)
    pipeline.run(prediction_id=done.pk)
    left = elsewhere.scan.slices.get(index=3)
    late = SliceResult.objects.filter(prediction=done).first()
    assert late is not None
    late.pk, late.slice = None, left
    late.save()
    theirs = series(other_user, 3, **same)
    Prediction.objects.filter(pk=theirs.pk).update(owner=user)  # as when the case is handed over
    pipeline.run(prediction_id=theirs.pk)
    assert (fresh(theirs).state, fresh(theirs).reused_from) == ("done", done)
    assert SliceResult.objects.filter(prediction=theirs).count() == 3


def test_an_earlier_models_result_names_no_slice_once_others_have_come(user: Any, model: Any, client: Any) -> None:
    def told(prediction: Prediction) -> dict[str, Any]:
        found: dict[str, Any] = client.get(f"/api/v1/predictions/{prediction.pk}/").json()["series"]
        return found

    client.force_login(user)
    files = builders.dicom_series(14)
    late, rest = files[:3], files[3:]
    earlier = intake.receive(user=user, files=_uploads(rest)).accepted[0].prediction
    pipeline.run(prediction_id=earlier.pk)
    assert told(earlier)["extent"] == [0, 10]
    ModelVersion.objects.update(active=False)
    ModelVersionFactory(active=True)
    newer = intake.receive(user=user, files=_uploads(late)).accepted[0].prediction
    pipeline.run(prediction_id=newer.pk)
    assert told(newer)["extent"] == [0, 13] and told(newer)["top"]
    assert (told(earlier)["extent"], told(earlier)["top"], told(earlier)["progress"]) == (None, [], 11)


def test_evidence_is_drawn_on_no_other_slice_once_its_own_has_left(user: Any, model: Any, client: Any) -> None:
    prediction = series(user, 12)
    pipeline.run(prediction_id=prediction.pk)
    client.force_login(user)
    addresses = [f"/predictions/{prediction.pk}/{what}/" for what in ("heatmap", "overlay")]
    assert [client.get(address).status_code for address in addresses] == [200, 200]
    key = fresh(prediction).key_slice_id
    assert key is not None
    transitions.forget_slices([key])
    assert not fresh(prediction).has_map
    assert [client.get(address).status_code for address in addresses] == [404, 404]


def test_evidence_of_a_slice_that_has_left_is_drawn_on_no_last_one_that_stays(user: Any, model: Any) -> None:
    prediction = series(user, 2)
    pipeline.run(prediction_id=prediction.pk)
    key = fresh(prediction).key_slice_id
    assert key is not None and fresh(prediction).has_map
    transitions.forget_slices([key])
    Scan.objects.update(frames=1)
    assert not fresh(prediction).has_map


def _uploads(files: list[bytes]) -> list[SimpleUploadedFile]:
    return [SimpleUploadedFile(f"{n}", data) for n, data in enumerate(files)]
