"""From predictions to DICOM objects: downloads, sending, and permissions."""

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import EnhancedMRImageStorage, generate_uid
from rest_framework.test import APIClient

from diagnosis import intake
from diagnosis.models import AuditEvent, Prediction, Scan, Slice, SliceResult
from diagnosis.models.prediction import State
from diagnosis.reviews import transitions
from diagnosis.reviews.opinions import Opinion
from tests.builders import dicom_bytes, phantom, png_bytes
from tests.diagnosis.dicom import fake_archive
from tests.diagnosis.dicom.conftest import NAME
from tests.diagnosis.dicom.fake_archive import FakeArchive
from tests.diagnosis.dicom.test_results import evidence_of
from tests.factories import ModelVersionFactory, token_key

Mr = Callable[..., bytes]
pytestmark = pytest.mark.django_db


def done(user: User, *files: bytes) -> Prediction:
    """A prediction on what intake made of the files, whose results are in."""
    receipt = intake.receive(user=user, files=[SimpleUploadedFile(f"{n}.dcm", data) for n, data in enumerate(files)])
    assert not receipt.rejected, receipt.rejected
    [accepted] = receipt.accepted
    version = ModelVersionFactory()
    Prediction.objects.filter(pk=accepted.prediction.pk).update(
        state=State.DONE,
        outcome="tumor",
        tumor_probability=0.93,
        type_probabilities={"glioma": 0.8, "meningioma": 0.1, "pituitary": 0.1},
        evidence=evidence_of(96),
        model_version=version,
        started=timezone.now(),
        finished=timezone.now(),
    )
    prediction = Prediction.objects.get(pk=accepted.prediction.pk)
    for row in Slice.objects.filter(scan=prediction.scan):
        refused = row.index == 0
        SliceResult.objects.create(
            prediction=prediction,
            slice=row,
            outcome="refused" if refused else "tumor",
            tumor_probability=None if refused else 0.9,
            evidence=None if refused else evidence_of(96),
        )
    return prediction


@pytest.fixture
def single(user: User, mr: Mr) -> Prediction:
    return done(user, mr())


@pytest.fixture
def series(user: User, mr: Mr) -> Prediction:
    """Three slices, of which the lowest was refused."""
    same = {"StudyInstanceUID": generate_uid(), "SeriesInstanceUID": generate_uid()}
    place = {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "PixelSpacing": [1, 1]}
    return done(user, *(mr(n, ImagePositionPatient=[0, 0, 5 * n], **same, **place) for n in range(3)))


@pytest.fixture
def api(user: User) -> Callable[..., APIClient]:
    def client_of(person: User = user) -> APIClient:
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Token {token_key(person)}")
        return client

    return client_of


@pytest.fixture
def archive(settings: Any) -> Iterator[FakeArchive]:
    with fake_archive.running() as one:
        settings.DICOMWEB_URL, settings.DICOMWEB_TOKEN = one.url, ""
        yield one


def unpacked(response: Any) -> dict[str, Dataset]:
    assert response.status_code == 200, response
    data = b"".join(response.streaming_content)
    response.close()
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        return {name: dcmread(io.BytesIO(packed.read(name))) for name in packed.namelist()}


def stored(scan: Scan) -> Dataset:
    with scan.file.open() as file:
        return dcmread(io.BytesIO(file.read()))


def test_an_image_gives_a_report_and_a_capture_in_its_study(single: Prediction, api: Any) -> None:
    response = api().get(f"/api/v1/predictions/{single.pk}/dicom/")
    assert response["Content-Type"] == "application/zip"
    found = unpacked(response)
    assert sorted(found) == ["capture-0001.dcm", "report.dcm"]
    source = stored(single.scan)
    for one in found.values():
        assert one.StudyInstanceUID == source.StudyInstanceUID
        assert one.SeriesInstanceUID != source.SeriesInstanceUID
        assert one.PatientID == single.scan.case.reference
        assert NAME not in str(one) and not re.search(r"(?<!\d)4711(?!\d)", str(one))  # a UID may have it within
    capture = found["capture-0001.dcm"].SourceImageSequence[0]
    assert capture.ReferencedSOPInstanceUID == source.SOPInstanceUID
    assert "ReferencedFrameNumber" not in capture
    event = AuditEvent.objects.get(action="dicom.downloaded")
    assert (event.target_id, event.details) == (str(single.pk), {"kinds": ["sr", "sc"]})


def signed_report(api: Any, prediction: Prediction) -> Dataset:
    return unpacked(api().get(f"/api/v1/predictions/{prediction.pk}/dicom/?kind=sr"))["report.dcm"]


def test_the_signing_reader_is_the_verifying_observer(single: Prediction, user: User, api: Any) -> None:
    assert signed_report(api, single).VerificationFlag == "UNVERIFIED"
    transitions.sign(single, reader=user, opinion=Opinion(finding="no_tumor", comment="An artifact."))
    found = signed_report(api, single)
    assert (found.VerificationFlag, found.VerifyingObserverSequence[0].VerifyingObserverName) == ("VERIFIED", "ada^")
    assert "An artifact." in found.to_json()


def test_a_signature_verifies_no_result_that_came_after_it(single: Prediction, user: User, api: Any) -> None:
    transitions.sign(single, reader=user, opinion=Opinion(finding="tumor"))
    Prediction.objects.filter(pk=single.pk).update(finished=timezone.now())
    assert signed_report(api, single).VerificationFlag == "UNVERIFIED"


def test_a_signature_on_other_pixels_verifies_nothing(single: Prediction, user: User, api: Any) -> None:
    transitions.sign(single, reader=user, opinion=Opinion(finding="tumor"))
    Scan.objects.filter(pk=single.scan_id).update(pixel_sha256="0" * 64)
    found = signed_report(api, single)
    assert found.VerificationFlag == "UNVERIFIED"
    assert "Slices were added since" in found.to_json()


def test_only_signed_readings_leave_the_site(single: Prediction, user: User, api: Any) -> None:
    transitions.commit(single, reader=user, opinion=Opinion(finding="tumor", comment="Not yet sure."))
    found = signed_report(api, single).to_json()
    assert "Not yet sure." not in found and "Not signed by a reader" in found


def test_a_series_gives_a_capture_of_each_analyzed_slice(series: Prediction, api: Any) -> None:
    found = unpacked(api().get(f"/api/v1/predictions/{series.pk}/dicom/"))
    assert sorted(found) == ["capture-0002.dcm", "capture-0003.dcm", "report.dcm"]
    rows = {row.index: row.instance_uid for row in Slice.objects.filter(scan=series.scan)}
    for index in (1, 2):
        capture = found[f"capture-{index + 1:04}.dcm"]
        assert capture.SourceImageSequence[0].ReferencedSOPInstanceUID == rows[index]
        assert list(capture.PatientOrientation) == ["L", "P"]
    [study] = found["report.dcm"].CurrentRequestedProcedureEvidenceSequence
    [one] = study.ReferencedSeriesSequence
    assert {item.ReferencedSOPInstanceUID for item in one.ReferencedSOPSequence} == {rows[1], rows[2]}
    assert one.SeriesInstanceUID == series.scan.series_uid


def test_images_that_share_a_uid_give_captures_with_their_own(series: Prediction, api: Any) -> None:
    Slice.objects.filter(scan=series.scan).update(instance_uid="2.25.7")
    found = unpacked(api().get(f"/api/v1/predictions/{series.pk}/dicom/"))
    captures = [found[name] for name in ("capture-0002.dcm", "capture-0003.dcm")]
    assert [one.SourceImageSequence[0].ReferencedSOPInstanceUID for one in captures] == ["2.25.7"] * 2
    assert captures[0].SOPInstanceUID != captures[1].SOPInstanceUID
    assert "report.dcm" in found


def test_captures_refer_to_frames_by_number(user: User, api: Any) -> None:
    pixels = np.stack([phantom(96, seed=n) for n in range(3)])
    prediction = done(user, dicom_bytes(pixels, SOPClassUID=EnhancedMRImageStorage))
    found = unpacked(api().get(f"/api/v1/predictions/{prediction.pk}/dicom/?kind=sc"))
    references = [found[name].SourceImageSequence[0] for name in sorted(found)]
    assert [one.ReferencedFrameNumber for one in references] == [2, 3]
    assert {one.ReferencedSOPInstanceUID for one in references} == {stored(prediction.scan).SOPInstanceUID}


@pytest.mark.parametrize(("kind", "names"), [("sr", ["report.dcm"]), ("sc", ["capture-0001.dcm"])])
def test_one_object_type_alone(single: Prediction, api: Any, kind: str, names: list[str]) -> None:
    assert sorted(unpacked(api().get(f"/api/v1/predictions/{single.pk}/dicom/?kind={kind}"))) == names


def problem(response: Any, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.content
    found: dict[str, Any] = response.json()
    assert found["code"] == code
    return found


def test_an_unknown_object_type(single: Prediction, api: Any) -> None:
    problem(api().get(f"/api/v1/predictions/{single.pk}/dicom/?kind=pdf"), 400, "invalid")


def test_only_finished_results_on_dicom_can_be_sent(
    user: User, single: Prediction, api: Any, archive: FakeArchive
) -> None:
    png = done(user, png_bytes(phantom(96, seed=5)))
    upload = SimpleUploadedFile("x.dcm", dicom_bytes(phantom(96, seed=6)))
    waiting = intake.receive(user=user, files=[upload]).accepted[0].prediction
    bare = done(user, dicom_bytes(phantom(96, seed=7), StudyInstanceUID=""))
    for prediction, word in ((png, "PNG"), (waiting, "queued"), (bare, "UIDs")):
        for call, path in ((api().get, "dicom"), (api().post, "send")):
            found = problem(call(f"/api/v1/predictions/{prediction.pk}/{path}/"), 409, "nothing_to_send")
            assert word in found["detail"]
    assert not archive.came


def test_a_file_missing_from_the_storage(single: Prediction, api: Any, archive: FakeArchive) -> None:
    name = single.scan.file.name
    assert name is not None
    single.scan.file.storage.delete(name)
    problem(api().get(f"/api/v1/predictions/{single.pk}/dicom/"), 404, "not_found")
    problem(api().post(f"/api/v1/predictions/{single.pk}/send/"), 404, "not_found")


def test_permissions(
    single: Prediction, api: Any, other_user: User, reader: User, admin: User, archive: FakeArchive
) -> None:
    path = f"/api/v1/predictions/{single.pk}"
    problem(api(other_user).get(f"{path}/dicom/"), 404, "not_found")
    problem(api(other_user).post(f"{path}/send/"), 404, "not_found")
    assert unpacked(api(reader).get(f"{path}/dicom/"))
    problem(api(reader).post(f"{path}/send/"), 403, "permission_denied")
    assert not archive.came
    assert api(admin).post(f"{path}/send/").status_code == 200


def test_sending_twice_stores_the_same_objects(series: Prediction, api: Any, archive: FakeArchive) -> None:
    response = api().post(f"/api/v1/predictions/{series.pk}/send/")
    assert (response.status_code, response.json()) == (200, {"sent": 3})
    assert [one.Modality for one in archive.came] == ["SR", "OT", "OT"]
    for one in archive.came:
        assert NAME not in str(one) and one.PatientIdentityRemoved == "YES"
    first = {one.SOPInstanceUID for one in archive.came}
    event = AuditEvent.objects.get(action="result.sent")
    assert (event.target_id, event.details) == (str(series.pk), {"objects": 3, "of": 3})
    archive.came.clear()
    api().post(f"/api/v1/predictions/{series.pk}/send/")
    assert {one.SOPInstanceUID for one in archive.came} == first


def test_an_archive_that_refuses_the_objects(single: Prediction, api: Any, archive: FakeArchive, settings: Any) -> None:
    path = f"/api/v1/predictions/{single.pk}/send/"
    archive.fails_to_store = True
    problem(api().post(path), 502, "archive_refused")
    archive.fails_to_store = False
    archive.broken["/studies"] = 409
    problem(api().post(path), 502, "archive_refused")
    assert not AuditEvent.objects.filter(action="result.sent").exists()
    settings.DICOMWEB_URL = ""
    problem(api().post(path), 503, "no_archive")


class TestPages:
    def test_a_result_on_dicom_offers_both(self, single: Prediction, as_user: Client, archive: FakeArchive) -> None:
        page = as_user.get(f"/predictions/{single.pk}/").content.decode()
        assert f"/predictions/{single.pk}/dicom/" in page and f"/predictions/{single.pk}/send/" in page
        assert sorted(unpacked(as_user.get(f"/predictions/{single.pk}/dicom/"))) == ["capture-0001.dcm", "report.dcm"]
        response = as_user.post(f"/predictions/{single.pk}/send/", follow=True)
        assert "The archive has the result: 2 objects." in response.content.decode()
        assert len(archive.came) == 2

    def test_without_an_archive_nothing_can_be_sent(self, single: Prediction, as_user: Client, settings: Any) -> None:
        settings.DICOMWEB_URL = ""
        page = as_user.get(f"/predictions/{single.pk}/").content.decode()
        assert f"/predictions/{single.pk}/dicom/" in page and f"/predictions/{single.pk}/send/" not in page
        response = as_user.post(f"/predictions/{single.pk}/send/", follow=True)
        assert "No archive is configured" in response.content.decode()

    def test_a_result_on_a_png_offers_neither(self, user: User, as_user: Client) -> None:
        prediction = done(user, png_bytes(phantom(96)))
        page = as_user.get(f"/predictions/{prediction.pk}/").content.decode()
        assert "/dicom/" not in page and "/send/" not in page
        response = as_user.get(f"/predictions/{prediction.pk}/dicom/", follow=True)
        assert "only results on DICOM images" in response.content.decode()

    def test_permissions(
        self, single: Prediction, client: Client, other_user: User, reader: User, archive: FakeArchive
    ) -> None:
        client.force_login(other_user)
        assert client.get(f"/predictions/{single.pk}/dicom/").status_code == 404
        assert client.post(f"/predictions/{single.pk}/send/").status_code == 404
        client.force_login(reader)
        assert "/send/" not in client.get(f"/predictions/{single.pk}/").content.decode()
        assert client.post(f"/predictions/{single.pk}/send/").status_code == 403
        assert not archive.came
