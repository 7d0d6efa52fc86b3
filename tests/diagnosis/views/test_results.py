"""A result's page, retry and cancel."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from diagnosis.models import AuditEvent, Prediction, Scan, UploadRow
from diagnosis.models.prediction import State
from diagnosis.models.scan import OTHER_PATIENT
from tests.factories import CaseFactory, ModelVersionFactory, PredictionFactory, evidence

Make = Callable[..., Prediction]
CALIBRATED = {"calibration": {"temperature": 1.2}, "threshold": 0.4}


def body_of(client: Client, prediction: Prediction) -> str:
    response = client.get(f"/predictions/{prediction.pk}/")
    assert response.status_code == 200
    return response.content.decode()


def test_a_tumor_is_shown_with_type_source_and_caveat(as_user: Client, make: Make) -> None:
    body = body_of(as_user, make())
    assert "Tumor likely" in body
    assert "glioma" in body and "WHO grades 1 to 4" in body and "WHO Classification of Tumours" in body
    assert "An image cannot grade a tumor." in body
    assert "Research use – decision support, not a diagnosis" in body


def test_the_note_on_another_patient_is_not_folded_away(as_user: Client, make: Make) -> None:
    prediction = make()
    assert "another Patient ID" not in body_of(as_user, prediction)
    Scan.objects.update(notes=["Gray values: stored values.", OTHER_PATIENT])
    assert "another Patient ID" in body_of(as_user, prediction).partition('<details class="more">')[0]


def test_an_uncalibrated_score_is_not_a_percentage(as_user: Client, make: Make) -> None:
    body = body_of(as_user, make())
    assert "Model score" in body and "Not a calibrated probability" in body and "threshold 0.50" in body
    assert "Of 100 scans" not in body and "93 %" not in body


UNSURE = {"outcome": "no_tumor", "uncertain": True, "tumor_probability": 0.48}


def test_an_uncertain_result_shows_its_number_and_the_band(as_user: Client, make: Make) -> None:
    manifest = {"calibration": {"uncertain": [0.31, 0.62]}, "threshold": 0.5}
    body = body_of(as_user, make(model_version=ModelVersionFactory(manifest=manifest), **UNSURE))
    assert 'status-uncertain" aria-labelledby="headline"' in body and "Too close to call: from 31 % to 62 %" in body
    assert "48 %" in body and "about 48 show a tumor" in body
    assert "No tumor seen" not in body and "Not an all-clear" not in body
    assert "Type, if it is a tumor" not in body and "No tumor type is stated for an uncertain result" in body


def test_an_uncertain_result_without_a_band_says_so(as_user: Client, make: Make) -> None:
    body = body_of(as_user, make(**UNSURE))
    assert "Too close to call. A person has to decide." in body and "Of 100 scans" not in body


def test_a_scan_used_in_training_is_marked(as_user: Client, make: Make) -> None:
    assert "This scan was used to train the model." in body_of(as_user, make(trained_on=True))
    assert "used to train" not in body_of(as_user, make())


def listed(client: Client, prediction: Prediction) -> dict[str, Any]:
    """The data that the viewer gets for an image."""
    answer = client.get(f"/predictions/{prediction.pk}/slices/").json()
    [only] = answer["slices"]
    return {**answer, **only}


def test_the_evidence_is_drawn_over_the_scan_and_described(as_user: Client, make: Make) -> None:
    prediction = make()
    body, told = body_of(as_user, prediction), listed(as_user, prediction)
    assert f'data-viewer="/predictions/{prediction.pk}/slices/"' in body
    assert (told["map"], told["pixels"]) == (
        f"/predictions/{prediction.pk}/heatmap/",
        f"/scans/{prediction.scan_id}/pixels/",
    )
    assert told["region"] == "upper right quarter" and told["caption"].endswith("of the evidence")
    assert f'href="/predictions/{prediction.pk}/overlay/"' in body
    left, top, width, height = told["box"]
    assert left < 9.5 / 14 < left + width and top < 5.5 / 14 < top + height
    assert "patient it shows is not known" in body


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_box_is_drawn_on_the_upright_image(as_user: Client, make: Make, orientation: int) -> None:
    told = listed(as_user, make(evidence=evidence(orientation=orientation)))
    left, top, width, height = told["box"]
    assert (left + width / 2, top + height / 2) == pytest.approx((9.5 / 14, 5.5 / 14), abs=0.02)
    assert told["region"] == "upper right quarter"


def test_a_rotated_image_is_shown_upright(as_user: Client, make: Make) -> None:
    prediction = make(evidence=evidence(orientation=6))
    Scan.objects.filter(pk=prediction.scan_id).update(width=200, height=100)
    assert listed(as_user, prediction)["box"] is not None
    assert 'data-ratio="0.50000"' in body_of(as_user, prediction)


def test_without_localized_evidence_no_box_is_drawn(as_user: Client, make: Make) -> None:
    prediction = make(evidence=evidence(strongest=0.05))
    body, told = body_of(as_user, prediction), listed(as_user, prediction)
    assert body.count("o localized evidence") == 2  # below the scan, and in words
    for part in ('"boxed"', '"mapped"', "data-opacity min", "/overlay/"):
        assert part not in body  # a map that shows nothing, and controls that change nothing
    assert (told["map"], told["box"], told["overlay"]) == (None, None, None)


@pytest.mark.parametrize("fields", [{"evidence": None}, {"state": State.REFUSED}, {"state": State.RUNNING}])
def test_without_a_map_only_the_scan_is_shown(as_user: Client, make: Make, fields: dict[str, object]) -> None:
    body = body_of(as_user, make(**fields))
    assert "/preview/" in body and "heatmap" not in body and "overlay" not in body and "data-opacity min" not in body


def test_the_page_costs_eight_queries_with_or_without_evidence(
    as_user: Client, make: Make, django_assert_max_num_queries: Any
) -> None:
    for prediction in (make(), make(evidence=None)):
        with django_assert_max_num_queries(8):
            body_of(as_user, prediction)


def test_a_calibrated_score_is_a_percentage_with_its_meaning(as_user: Client, make: Make) -> None:
    body = body_of(as_user, make(model_version=ModelVersionFactory(manifest=CALIBRATED)))
    assert "93 %" in body and "Of 100 scans scored like this, about 93 show a tumor." in body


def test_no_tumor_is_not_an_all_clear_and_has_no_type(as_user: Client, make: Make) -> None:
    body = body_of(as_user, make(outcome="no_tumor", tumor_probability=0.04))
    assert "No tumor seen" in body and "Not an all-clear" in body
    assert "grades" not in body


def test_a_refused_scan_shows_the_reason_and_what_is_accepted(as_user: Client, make: Make) -> None:
    body = body_of(as_user, make(state=State.REFUSED))
    assert "one flat shade" in body and "What is accepted" in body


def test_a_failed_prediction_offers_a_retry_to_its_owner(
    as_user: Client, client: Client, make: Make, reader: User
) -> None:
    failed = make(state=State.FAILED)
    assert "Retry" in body_of(as_user, failed)
    other = Client()
    other.force_login(reader)
    assert "Retry" not in body_of(other, failed)


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING])
def test_a_prediction_in_progress_polls(as_user: Client, make: Make, state: str) -> None:
    body = body_of(as_user, make(state=state))
    assert "In progress" in body and body.count('id="poller"') == 2


def test_the_page_works_without_a_model_version(as_user: Client, make: Make) -> None:
    for state in (State.QUEUED, State.FAILED, State.CANCELED):
        body_of(as_user, make(state=state, model_version=None))


def test_viewing_a_result_is_audited_viewing_progress_is_not(as_user: Client, make: Make) -> None:
    done, queued = make(), make(state=State.QUEUED)
    body_of(as_user, done)
    body_of(as_user, queued)
    assert list(AuditEvent.objects.filter(action="result.viewed").values_list("target_id", flat=True)) == [str(done.pk)]


def test_others_results_are_not_found(as_user: Client, make: Make, other_user: User) -> None:
    theirs = make(owner=other_user)
    assert as_user.get(f"/predictions/{theirs.pk}/").status_code == 404
    assert as_user.get(f"/scans/{theirs.scan_id}/").status_code == 404
    assert as_user.post(f"/predictions/{theirs.pk}/retry/").status_code == 404


def test_previous_and_next_within_the_case(as_user: Client, make: Make, user: User) -> None:
    case = CaseFactory(owner=user)
    first, middle, last = (make(case=case) for _ in range(3))
    body = body_of(as_user, middle)
    assert f'rel="prev" href="/predictions/{first.pk}/"' in body
    assert f'rel="next" href="/predictions/{last.pk}/"' in body


def test_a_scan_leads_to_its_newest_prediction(as_user: Client, make: Make) -> None:
    old = make()
    new = PredictionFactory(scan=old.scan, model_version=ModelVersionFactory())
    assert as_user.get(f"/scans/{old.scan_id}/")["Location"] == f"/predictions/{new.pk}/"
    assert f"/predictions/{old.pk}/" in body_of(as_user, new)


def test_simulated_cases_are_marked(as_user: Client, make: Make, user: User) -> None:
    body = body_of(as_user, make(case=CaseFactory(owner=user, simulated=True)))
    assert "Simulated" in body


@pytest.mark.parametrize(
    ("action", "before", "after"), [("retry", "failed", "queued"), ("cancel", "queued", "canceled")]
)
def test_retry_and_cancel(
    as_user: Client, make: Make, model_version: object, action: str, before: str, after: str
) -> None:
    prediction = make(state=before)
    assert as_user.get(f"/predictions/{prediction.pk}/{action}/").status_code == 405
    response = as_user.post(f"/predictions/{prediction.pk}/{action}/")
    assert response["Location"] == f"/predictions/{prediction.pk}/"
    prediction.refresh_from_db()
    assert prediction.state == after


def test_a_row_of_the_upload_list_that_is_run_again_stays(
    as_user: Client, user: User, make: Make, model_version: object
) -> None:
    """What takes rows off the list whose run has ended would take the new one, too, as it is in progress."""
    prediction = make(state="failed")
    row = UploadRow.objects.create(user=user, key=uuid.uuid4(), state="taken", prediction=prediction)
    headers = {"HX-Request": "true"}
    body = as_user.post(f"/predictions/{prediction.pk}/retry/", {"view": "upload"}, headers=headers).content.decode()
    assert f"outerHTML:[data-row='{row.pk}']" in body and f'data-status="{prediction.pk}"' in body
    assert "delete:" not in body


def test_readers_may_not_retry(client: Client, reader: User, make: Make) -> None:
    client.force_login(reader)
    response = client.post(f"/predictions/{make(state=State.FAILED).pk}/retry/")
    assert response.status_code == 403
    assert "You may not do this" in response.content.decode()


def test_a_change_that_comes_too_late_is_reported(as_user: Client, make: Make) -> None:
    response = as_user.post(f"/predictions/{make().pk}/cancel/", follow=True)
    assert "changed meanwhile" in response.content.decode()


def test_a_script_gets_the_row_and_a_form_returns_to_this_site_only(as_user: Client, make: Make) -> None:
    prediction = make(state=State.QUEUED)
    address = f"/predictions/{prediction.pk}/cancel/"
    response = as_user.post(address, {"view": "row"}, headers={"HX-Request": "true"})
    assert "Canceled" in response.content.decode() and "<tr " in response.content.decode()
    assert as_user.post(address, {"next": "/history/?page=2"})["Location"] == "/history/?page=2"
    assert as_user.post(address, {"next": "//evil.example/"})["Location"] == f"/predictions/{prediction.pk}/"
