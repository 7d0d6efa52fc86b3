"""Fetching a study: the queries, what is stored, and every way it can fail."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.test import Client
from pydicom.uid import CTImageStorage, JPEG2000Lossless, generate_uid
from rest_framework.test import APIClient

from brainscan import config
from diagnosis import intake
from diagnosis.dicom import dicomweb, dicomweb_transport
from diagnosis.intake.limits import UploadSlots
from diagnosis.models import AuditEvent, Case, Scan
from tests.builders import dicom_bytes, phantom
from tests.diagnosis.dicom import fake_archive
from tests.diagnosis.dicom.conftest import NAME
from tests.diagnosis.dicom.fake_archive import FakeArchive
from tests.factories import token_key

Mr = Callable[..., bytes]
ACCESSION = "ACC-4711"
pytestmark = pytest.mark.django_db


@pytest.fixture
def archive(settings: Any) -> Iterator[FakeArchive]:
    """An archive that the site is configured for."""
    with fake_archive.running() as one:
        settings.DICOMWEB_URL, settings.DICOMWEB_TOKEN = one.url, ""
        yield one


@pytest.fixture
def study(archive: FakeArchive, mr: Mr) -> FakeArchive:
    """An archive with a study of two MR series and a CT series, and with another study."""
    same = {"StudyInstanceUID": generate_uid(), "AccessionNumber": ACCESSION}
    place = {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "PixelSpacing": [1, 1], "SeriesInstanceUID": generate_uid()}
    archive.files = [
        mr(n, InstanceNumber=3 - n, ImagePositionPatient=[0, 0, 5 * n], **same, **place) for n in range(3)
    ] + [
        mr(7, SeriesInstanceUID=generate_uid(), **same),
        mr(8, SOPClassUID=CTImageStorage, Modality="CT", SeriesInstanceUID=generate_uid(), **same),
        mr(9, AccessionNumber="OTHER"),
    ]
    return archive


@pytest.fixture
def api(user: User) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {token_key(user)}")
    return client


def ask(api: APIClient, accession: str = ACCESSION) -> Any:
    return api.post("/api/v1/pull/", {"accession": accession}, format="json")


def problem(response: Any, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    found: dict[str, Any] = response.json()
    assert found["code"] == code
    assert ACCESSION not in str(found) and "127.0.0.1" not in found["detail"]
    return found


def test_the_mr_images_of_a_study_go_to_one_case(study: FakeArchive, api: APIClient, user: User) -> None:
    response = ask(api)
    assert response.status_code == 201, response.content
    receipt = response.json()
    assert (len(receipt["scans"]), receipt["rejected"]) == (2, [])
    [case] = Case.objects.filter(owner=user)
    assert receipt["case"] == case.reference
    assert sorted(case.scans.values_list("frames", flat=True)) == [1, 3]
    fetched = [path for path in study.asked if "/instances/" in path]
    assert len(fetched) == 4


def test_fetching_again_stores_nothing_new(study: FakeArchive, api: APIClient) -> None:
    assert [ask(api).status_code for _ in range(2)] == [201, 201]
    assert Scan.objects.count() == 2


def test_neither_number_nor_name_nor_uid_is_kept_or_logged(
    study: FakeArchive, api: APIClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    uids = [one.SOPInstanceUID for one in study.datasets()]
    ask(api)
    study.broken["/studies"] = 500
    ask(api)
    event = AuditEvent.objects.get(action="study.pulled")
    assert event.details == {"pictures": 4, "refused": 0}
    told = caplog.text + repr(list(AuditEvent.objects.values())) + repr(list(Scan.objects.values()))
    assert ACCESSION not in told and NAME not in told
    assert not [uid for uid in uids if uid in told]


@pytest.mark.parametrize("single", [True, False])
def test_objects_come_in_a_multipart_body_or_alone(study: FakeArchive, api: APIClient, single: bool) -> None:
    study.single_part = single
    assert ask(api).status_code == 201


def test_compressed_objects_are_taken_as_they_are(archive: FakeArchive, api: APIClient) -> None:
    archive.files = [dicom_bytes(phantom(96), syntax=JPEG2000Lossless, AccessionNumber=ACCESSION)]
    assert ask(api).status_code == 201


def test_rejected_images_are_reported(study: FakeArchive, api: APIClient, mr: Mr) -> None:
    one = study.datasets()[0]
    ids = {"StudyInstanceUID": one.StudyInstanceUID, "AccessionNumber": ACCESSION}
    study.files.append(mr(20, BodyPartExamined="LSPINE", SeriesInstanceUID=generate_uid(), **ids))
    receipt = ask(api).json()
    assert [item["code"] for item in receipt["rejected"]] == ["not_brain"]
    assert len(receipt["scans"]) == 2


def test_a_study_of_which_nothing_is_accepted_is_no_success(archive: FakeArchive, api: APIClient, mr: Mr) -> None:
    archive.files = [mr(BodyPartExamined="LSPINE", AccessionNumber=ACCESSION)]
    found = problem(ask(api), 400, "nothing_accepted")
    assert (found["case"], found["scans"], [one["code"] for one in found["rejected"]]) == (None, [], ["not_brain"])


def test_a_series_without_an_instance_is_nothing_found(study: FakeArchive, api: APIClient) -> None:
    study.broken["/instances"] = 204
    problem(ask(api), 404, "nothing_found")


def test_a_response_without_an_object_is_no_object(study: FakeArchive, api: APIClient) -> None:
    study.broken[study.datasets()[2].SOPInstanceUID] = "nothing"  # the first by its Instance Number
    assert "without an object" in problem(ask(api), 502, "archive_unreachable")["detail"]
    assert not Scan.objects.exists()


@pytest.mark.parametrize("accession", ["", " ", "A*", "A?", "A\\B", "A\nB", "x" * 17])
def test_an_invalid_accession_number_is_not_searched_for(archive: FakeArchive, api: APIClient, accession: str) -> None:
    found = problem(ask(api, accession), 400, "invalid")
    assert "accession" in found["errors"]
    assert not archive.asked


def test_nothing_found(study: FakeArchive, api: APIClient) -> None:
    problem(ask(api, "NONE"), 404, "nothing_found")


def test_results_with_another_accession_number_are_ignored(study: FakeArchive, api: APIClient) -> None:
    study.ignores = {"AccessionNumber"}
    problem(ask(api, "NONE"), 404, "nothing_found")


def test_a_study_without_mr_images(archive: FakeArchive, api: APIClient, mr: Mr) -> None:
    archive.files = [mr(SOPClassUID=CTImageStorage, Modality="CT", AccessionNumber=ACCESSION)]
    archive.ignores = {"Modality"}
    problem(ask(api), 404, "nothing_found")


def test_more_than_one_study(archive: FakeArchive, api: APIClient, mr: Mr) -> None:
    archive.files = [mr(n, AccessionNumber=ACCESSION) for n in range(2)]
    problem(ask(api), 409, "ambiguous")
    assert not Scan.objects.exists()


def test_a_study_that_is_too_large(study: FakeArchive, api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diagnosis.dicom.retrieve.MAX_INSTANCES", 3)
    problem(ask(api), 409, "too_much")
    assert not Scan.objects.exists()


def test_long_lists_come_in_pages(study: FakeArchive, api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dicomweb, "_PAGE_SIZE", 1)
    assert ask(api).status_code == 201
    assert sorted(Scan.objects.values_list("frames", flat=True)) == [1, 3]


def test_a_study_of_too_many_series(study: FakeArchive, api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dicomweb, "_MAX_SERIES", 1)
    assert "more than 1 series" in problem(ask(api), 409, "too_much")["detail"]


@pytest.mark.parametrize(("number", "sorts_as"), [("7", 7), ("-7", -7), ("--7", 0), ("", 0), ("1" * 12, 0)])
def test_an_instance_number_that_is_none_is_no_error(number: str, sorts_as: int) -> None:
    assert dicomweb._instance_number({"00200013": {"vr": "IS", "Value": [number]}}) == sorts_as


def test_an_archive_that_repeats_its_page_does_not_cause_a_loop(study: FakeArchive, api: APIClient) -> None:
    study.ignores = {"offset"}
    assert ask(api).status_code == 201


def test_an_object_that_is_too_large_is_not_read_to_its_end(study: FakeArchive, api: APIClient, settings: Any) -> None:
    settings.MAX_ARCHIVE_MB = 1
    study.broken[study.datasets()[2].SOPInstanceUID] = "flood"  # the first by its Instance Number
    problem(ask(api), 409, "too_much")
    assert not Scan.objects.exists()


@pytest.mark.parametrize("where", ["/studies", "/series", "/instances"])
@pytest.mark.parametrize(
    ("how", "code"),
    [
        (500, "archive_refused"),
        (401, "archive_refused"),
        (503, "archive_refused"),
        ("hang up", "archive_unreachable"),
        ("lie", "archive_unreachable"),
        ("elsewhere", "archive_unreachable"),
    ],
)
@pytest.mark.slow
def test_an_archive_that_fails_to_search(study: FakeArchive, api: APIClient, where: str, how: Any, code: str) -> None:
    study.broken[where] = how
    problem(ask(api), 502, code)
    assert not Scan.objects.exists()


def test_an_endless_response_is_cut_off(study: FakeArchive, api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dicomweb_transport, "MAX_RESPONSE", 200_000)
    study.broken["/studies"] = "flood"
    problem(ask(api), 409, "too_much")


def test_a_slow_response_is_cut_off(study: FakeArchive, api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dicomweb_transport, "RESPONSE_SECONDS", -1.0)
    problem(ask(api), 502, "archive_unreachable")


@pytest.mark.parametrize("how", [404, "hang up", "lie", "elsewhere"])
@pytest.mark.slow
def test_an_archive_that_fails_half_way(study: FakeArchive, api: APIClient, how: Any) -> None:
    """The series is fetched by Instance Number, last picture first; the one in the middle fails."""
    study.broken[study.datasets()[1].SOPInstanceUID] = how
    found = problem(ask(api), 502, "archive_refused" if how == 404 else "archive_unreachable")
    assert "1 of 4 images" in found["detail"]
    assert len(found["scans"]) == 1
    assert AuditEvent.objects.get(action="study.pulled").details["pictures"] == 1
    study.broken.clear()
    assert ask(api).status_code == 201
    assert sorted(Scan.objects.values_list("frames", flat=True)) == [1, 3]


def test_an_archive_that_is_down(api: APIClient, settings: Any) -> None:
    settings.DICOMWEB_URL = "http://127.0.0.1:9/dicom-web"
    problem(ask(api), 502, "archive_unreachable")


def test_no_archive(api: APIClient, settings: Any) -> None:
    settings.DICOMWEB_URL = ""
    problem(ask(api), 503, "no_archive")


def test_credentials_are_sent(study: FakeArchive, api: APIClient, settings: Any) -> None:
    host = study.url.split("/")[2]
    settings.DICOMWEB_URL = study.url.replace("http://", "http://site:p%40ss@")
    assert ask(api).status_code == 201
    assert set(study.authorizations) == {fake_archive.basic("site", "p@ss")}
    assert set(study.hosts) == {host}
    study.authorizations.clear()
    settings.DICOMWEB_TOKEN = "t0ken"
    assert ask(api).status_code == 201
    assert set(study.authorizations) == {"Bearer t0ken"}


@pytest.mark.parametrize("url", ["pacs", "ftp://pacs/", "http://", "http://pacs:port/", "http://pacs/?a=b"])
def test_an_invalid_url_stops_the_start(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="DICOMWEB_URL"):
        config.dicomweb_url(url)


def test_the_command(study: FakeArchive, user: User, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    call_command("pull_study", "--accession", ACCESSION, "--user", "ada")
    said = capsys.readouterr().out
    assert "4 images in 2 scans" in said and ACCESSION not in said
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{ACCESSION}\n"))
    call_command("pull_study", "--accession", "-", "--user", "ada")
    with pytest.raises(CommandError, match="no study"):
        call_command("pull_study", "--accession", "NONE", "--user", "ada")
    with pytest.raises(CommandError, match="no active account"):
        call_command("pull_study", "--accession", ACCESSION, "--user", "nobody")


class TestPage:
    def test_it_redirects_to_the_case(self, study: FakeArchive, as_user: Client) -> None:
        assert "Accession number" in as_user.get("/archive/").content.decode()
        assert "/archive/" in as_user.get("/upload/").content.decode()
        response = as_user.post("/archive/", {"accession": ACCESSION})
        assert response["Location"] == Case.objects.get().get_absolute_url()

    def test_it_says_what_is_wrong(self, study: FakeArchive, as_user: Client, mr: Mr) -> None:
        response = as_user.post("/archive/", {"accession": "NONE"})
        assert response.status_code == 400
        assert "no study with this accession number" in response.content.decode()
        study.files = [mr(BodyPartExamined="LSPINE", AccessionNumber=ACCESSION)]
        response = as_user.post("/archive/", {"accession": ACCESSION})
        assert "not the brain" in response.content.decode()

    def test_an_interrupted_transfer_is_reported(self, study: FakeArchive, as_user: Client) -> None:
        study.broken[study.datasets()[1].SOPInstanceUID] = 404
        response = as_user.post("/archive/", {"accession": ACCESSION}, follow=True)
        assert "1 of 4 images" in response.content.decode()

    def test_without_an_archive_it_says_so(self, as_user: Client, settings: Any) -> None:
        settings.DICOMWEB_URL = ""
        assert "not connected to an archive" in as_user.get("/archive/").content.decode()
        assert "/archive/" not in as_user.get("/upload/").content.decode()


def test_without_a_free_slot_nothing_is_fetched(
    study: FakeArchive, api: APIClient, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "_slots", UploadSlots(0))
    page = Client()
    page.force_login(user)
    for response in (ask(api), page.post("/archive/", {"accession": ACCESSION})):
        assert (response.status_code, response["Retry-After"]) == (503, "5")
        assert "Try again soon" in response.content.decode()
    assert not Scan.objects.exists()
