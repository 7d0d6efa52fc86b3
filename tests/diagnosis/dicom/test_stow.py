"""STOW-RS through Django's client: what is stored, what is not, and what the response says."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, MRImageStorage, generate_uid

from diagnosis import intake
from diagnosis.api.dicomweb import StoreView
from diagnosis.dicom import stow
from diagnosis.dicom.identity import HEAD_BYTES, identify
from diagnosis.intake.limits import UploadSlots
from diagnosis.models import AuditEvent, Case, Scan
from tests.builders import dicom_bytes, dicom_series, phantom, png_bytes
from tests.diagnosis.dicom.conftest import NAME
from tests.factories import token_key

Mr = Callable[..., bytes]
TYPE = 'multipart/related; type="application/dicom"; boundary=mark'


def body(*files: bytes, media_type: str = "application/dicom") -> bytes:
    head = f"--mark\r\nContent-Type: {media_type}\r\n\r\n".encode()
    return b"".join(head + data + b"\r\n" for data in files) + b"--mark--\r\n"


@pytest.fixture
def post(client: Client, user: User) -> Callable[..., Any]:
    token = token_key(user)

    def send(data: bytes, *, study: str = "", content_type: str = TYPE, **headers: str) -> Any:
        headers = {"Authorization": f"Token {token}"} | headers
        path = f"/dicomweb/studies/{study}" if study else "/dicomweb/studies"
        return client.post(path, data, content_type=content_type, headers=headers)

    return send


def answer(response: Any) -> Dataset:
    assert response["Content-Type"] == "application/dicom+json", response.content
    return Dataset.from_json(response.content.decode())


def test_all_are_stored(
    post: Any, user: User, mr: Mr, sent: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    uids = [generate_uid(), generate_uid()]
    with django_capture_on_commit_callbacks(execute=True):
        response = post(body(*(mr(n, SOPInstanceUID=uid) for n, uid in enumerate(uids))))
    assert response.status_code == 200
    found = answer(response)
    assert [item.ReferencedSOPInstanceUID for item in found.ReferencedSOPSequence] == uids
    assert {item.ReferencedSOPClassUID for item in found.ReferencedSOPSequence} == {MRImageStorage}
    assert "FailedSOPSequence" not in found
    assert Scan.objects.filter(case__owner=user, format="DICOM").count() == 2
    assert len(sent) == 2


def test_objects_of_one_study_share_a_case_and_others_do_not(post: Any, mr: Mr) -> None:
    first, second = generate_uid(), generate_uid()
    files = [mr(0, StudyInstanceUID=first), mr(1, StudyInstanceUID=second), mr(2, StudyInstanceUID=first)]
    assert post(body(*files)).status_code == 200
    assert sorted(case.scans.count() for case in Case.objects.all()) == [1, 2]


def test_some_are_stored(post: Any, mr: Mr) -> None:
    good, other = generate_uid(), generate_uid()
    response = post(body(mr(SOPInstanceUID=good), mr(1, SOPInstanceUID=other, SOPClassUID=CTImageStorage), b"words"))
    assert response.status_code == 202
    found = answer(response)
    assert [item.ReferencedSOPInstanceUID for item in found.ReferencedSOPSequence] == [good]
    [failed] = found.FailedSOPSequence
    assert (failed.ReferencedSOPInstanceUID, failed.FailureReason) == (other, 0x0122)
    assert [item.FailureReason for item in found.OtherFailuresSequence] == [0xC000]
    assert Scan.objects.count() == 1


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"words", 0xC000),
        (png_bytes(), 0xC000),
        (b"", 0xC000),
    ],
)
def test_none_is_stored(post: Any, data: bytes, reason: int) -> None:
    response = post(body(data))
    assert response.status_code == 409
    assert [item.FailureReason for item in answer(response).OtherFailuresSequence] == [reason]
    assert not Scan.objects.exists()


def test_a_truncated_object_fails_under_its_uid(post: Any, mr: Mr) -> None:
    uid = generate_uid()
    response = post(body(mr(SOPInstanceUID=uid)[:-2000]))
    assert response.status_code == 409
    [failed] = answer(response).FailedSOPSequence
    assert (failed.ReferencedSOPInstanceUID, failed.FailureReason) == (uid, 0xC000)


def test_an_oversized_part_does_not_stop_the_others(post: Any, mr: Mr, settings: Any) -> None:
    settings.MAX_ARCHIVE_MB = 1
    large = dicom_bytes(phantom(1200))
    response = post(body(large, mr()))
    assert response.status_code == 202
    found = answer(response)
    assert len(found.ReferencedSOPSequence) == 1
    assert [item.FailureReason for item in found.OtherFailuresSequence] == [0xA700]


def test_a_part_of_another_media_type_fails(post: Any, mr: Mr) -> None:
    response = post(body(mr(), media_type="text/plain"))
    assert response.status_code == 409
    assert not Scan.objects.exists()


def test_a_url_with_a_study_accepts_only_that_study(post: Any, mr: Mr) -> None:
    study, other = generate_uid(), generate_uid()
    response = post(body(mr(0, StudyInstanceUID=study), mr(1, StudyInstanceUID=other)), study=study)
    assert response.status_code == 202
    found = answer(response)
    assert len(found.ReferencedSOPSequence) == 1
    assert [item.FailureReason for item in found.FailedSOPSequence] == [0xA901]
    assert Scan.objects.count() == 1


def test_the_answer_keeps_the_order_of_the_request(post: Any, mr: Mr) -> None:
    study = generate_uid()
    uids = [generate_uid() for _ in range(4)]
    files = [
        mr(n, SOPInstanceUID=uid, StudyInstanceUID=study if n % 2 else generate_uid()) for n, uid in enumerate(uids)
    ]
    found = answer(post(body(*files), study=study))
    assert [item.ReferencedSOPInstanceUID for item in found.ReferencedSOPSequence] == [uids[1], uids[3]]
    assert [item.ReferencedSOPInstanceUID for item in found.FailedSOPSequence] == [uids[0], uids[2]]


def test_a_repeated_object_makes_no_second_scan(post: Any, mr: Mr) -> None:
    data = mr()
    assert [post(body(data)).status_code for _ in range(2)] == [200, 200]
    assert Scan.objects.count() == 1


def series(count: int, *, seed: int = 0, **tags: Any) -> list[bytes]:
    planes = [phantom(64, seed=seed + n) for n in range(count)]
    common = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.3.4"}
    return dicom_series(count, planes=planes, **(common | tags))


@pytest.mark.parametrize("at_once", [True, False])
def test_one_uid_for_many_images_loses_none(post: Any, at_once: bool) -> None:
    uid = generate_uid()
    files = series(4, SOPInstanceUID=uid)
    answers = [answer(post(body(*files)))] if at_once else [answer(post(body(data))) for data in files]
    stored = [item.ReferencedSOPInstanceUID for found in answers for item in found.ReferencedSOPSequence]
    assert stored == [uid] * 4
    assert Scan.objects.get().frames == 4
    assert post(body(*files)).status_code == 200  # again: known, and quiet
    assert Scan.objects.get().frames == 4


def test_other_pixels_at_the_same_place_fail_if_nothing_tells_them_apart(post: Any) -> None:
    uid = generate_uid()
    assert post(body(*series(1, SOPInstanceUID=uid))).status_code == 200
    response = post(body(*series(1, seed=9, SOPInstanceUID=uid)))
    assert response.status_code == 409
    [failed] = answer(response).FailedSOPSequence
    assert (failed.ReferencedSOPInstanceUID, failed.FailureReason) == (uid, 0xC000)


def problem(response: Any, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    found: dict[str, Any] = response.json()
    assert (found["status"], found["code"]) == (status, code)
    return found


def test_problems(post: Any, client: Client, mr: Mr, settings: Any) -> None:
    good = body(mr())
    problem(client.post("/dicomweb/studies", good, content_type=TYPE), 401, "not_authenticated")
    problem(post(good, content_type='multipart/related; type="application/dicom"'), 400, "parse_error")
    problem(
        post(good, content_type='multipart/related; type="application/dicom+json"; boundary=mark'),
        415,
        "unsupported_media_type",
    )
    problem(post(good, content_type="application/dicom"), 415, "unsupported_media_type")
    problem(post(good[:-9]), 400, "parse_error")
    problem(post(b"--mark--"), 400, "parse_error")
    problem(post(good, study="1..2"), 404, "not_found")
    problem(client.get("/dicomweb/studies"), 401, "not_authenticated")
    problem(client.post("/dicomweb/elsewhere", b"", content_type=TYPE), 404, "not_found")
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 1
    problem(post(body(mr(1), mr(2))), 400, "too_many_files")
    assert not Scan.objects.exists()


def test_other_methods_are_not_allowed(client: Client, user: User) -> None:
    client.force_login(user)
    for call in (client.get, client.put, client.delete):
        problem(call("/dicomweb/studies"), 405, "method_not_allowed")


@pytest.mark.attack("forged")
def test_a_browser_needs_the_csrf_token(user: User, mr: Mr) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(user)
    problem(browser.post("/dicomweb/studies", body(mr()), content_type=TYPE), 403, "permission_denied")
    browser.get("/upload/")
    token = browser.cookies["csrftoken"].value
    response = browser.post("/dicomweb/studies/", body(mr()), content_type=TYPE, headers={"X-CSRFToken": token})
    assert response.status_code == 200


def test_requests_are_throttled(post: Any, mr: Mr, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diagnosis.api.throttling.UserThrottle.get_rate", lambda self: "1/day")
    assert post(body(mr())).status_code == 200
    assert "Retry-After" in post(body(mr())).headers


def test_a_chunked_body_is_read_to_its_end(user: User, mr: Mr, rf: Any) -> None:
    """As gunicorn gives it: the server ends the stream, and no length is stated."""
    request = rf.post("/dicomweb/studies", b"", content_type=TYPE)
    assert "CONTENT_LENGTH" not in request.META
    request.META |= {"CONTENT_TYPE": TYPE, "wsgi.input": io.BytesIO(body(mr()))}
    request.META |= {
        "HTTP_TRANSFER_ENCODING": "chunked",
        "wsgi.input_terminated": True,
        "wsgi.input": io.BytesIO(body(mr())),
    }
    request.META["HTTP_AUTHORIZATION"] = f"Token {token_key(user)}"
    assert StoreView.as_view()(request).status_code == 200


def test_nothing_of_the_patient_is_kept_or_logged(
    post: Any, mr: Mr, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    uid = generate_uid()
    caplog.set_level("DEBUG")
    post(body(mr(SOPInstanceUID=uid), mr(1, SOPInstanceUID=uid, SOPClassUID=CTImageStorage)))
    captured = capsys.readouterr()
    told = caplog.text + captured.out + captured.err + repr(list(AuditEvent.objects.values()))
    told += repr(list(Scan.objects.values()))
    assert NAME not in told and uid not in told


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(min_size=1, max_size=300))
def test_hostile_bodies_get_a_client_error(post: Any, noise: bytes) -> None:
    for data in (noise, body(noise), body(bytes(128) + b"DICM" + noise)):
        assert post(data).status_code in (400, 409)


def test_the_limit_of_parts_is_that_of_uploads() -> None:
    assert django_settings.DATA_UPLOAD_MAX_NUMBER_FILES == 1000


def test_without_a_free_slot_nothing_is_stored(post: Any, mr: Mr, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "_slots", UploadSlots(0))
    response = post(body(mr(0), mr(1)))
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert response.json()["code"] == "busy"
    assert not Scan.objects.exists()


def test_one_slot_is_enough_for_all_studies_of_a_request(post: Any, mr: Mr, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "_slots", UploadSlots(1))
    assert post(body(mr(0, StudyInstanceUID=generate_uid()), mr(1, StudyInstanceUID=generate_uid()))).status_code == 200
    assert Scan.objects.count() == 2


def test_only_the_head_of_a_large_object_is_read_for_its_uids(
    mr: Mr, post: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def watched(data: bytes) -> Any:
        seen.append(len(data))
        return identify(data)

    monkeypatch.setattr(stow, "identify", watched)
    assert post(body(dicom_bytes(np.zeros((1200, 1200), np.uint16)))).status_code in (200, 409)
    assert seen == [HEAD_BYTES]
