"""POST scans/: good files, bad ones, both at once, and every way to send nonsense."""

from typing import Any

import pytest
from django.conf import global_settings
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from diagnosis import intake
from diagnosis.intake.limits import UploadSlots
from diagnosis.models import AuditEvent, Case, Prediction, Scan
from tests.builders import HTML, SVG, TEXT, bomb_png, jpeg_bytes, phantom, png_bytes, polyglot
from tests.factories import CaseFactory
from tests.ml.readers.archives.packing import folders, zipped

URL = "/api/v1/scans/"
pytestmark = pytest.mark.django_db


def image(name: str = "axial.png", seed: int = 0, size: int = 64) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, png_bytes(phantom(size, seed=seed)))


def upload(client: APIClient, *files: SimpleUploadedFile, **fields: str) -> Any:
    return client.post(URL, {"files": list(files), **fields}, format="multipart")


def raw(client: APIClient, body: bytes, content_type: str = "multipart/form-data; boundary=b") -> Any:
    return client.generic("POST", URL, body, content_type=content_type)  # type: ignore[arg-type]  # bytes may be sent


def part(disposition: bytes, content: bytes) -> bytes:
    return (
        b'--b\r\nContent-Disposition: form-data; name="files"; '
        + disposition
        + b"\r\n\r\n"
        + content
        + b"\r\n--b--\r\n"
    )


def test_one_file(
    api: APIClient, user: User, model_version: Any, sent: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        response = upload(api, image())
    assert response.status_code == 201
    body = response.json()
    scan = Scan.objects.get()
    assert body["case"] == scan.case.reference
    assert body["case_id"] == scan.case_id
    assert api.get(body["case_url"]).status_code == 200
    assert body["rejected"] == []
    [shown] = body["scans"]
    assert (shown["id"], shown["name"], shown["case"]) == (scan.pk, "axial.png", body["case"])
    assert (shown["duplicate"], shown["duplicate_of"]) == (False, None)
    assert shown["prediction"]["state"] == "queued"
    assert shown["prediction"]["url"].endswith(f"/api/v1/predictions/{shown['prediction']['id']}/")
    assert api.get(shown["prediction"]["url"]).json()["model"] == model_version.label
    assert sent == [shown["prediction"]["id"]]
    assert scan.case.owner == user


def test_many_files_one_case(api: APIClient) -> None:
    body = upload(api, *(image(f"{n}.png", seed=n) for n in range(4)), case="STUDY-7").json()
    assert body["case"] == "STUDY-7"
    assert [scan["name"] for scan in body["scans"]] == ["0.png", "1.png", "2.png", "3.png"]
    assert Case.objects.get().scans.count() == 4


def test_the_returned_case_can_be_sent_with_the_next_upload(api: APIClient) -> None:
    first = upload(api, image(seed=1)).json()
    second = upload(api, image(seed=2), case=first["case"]).json()
    assert second["case_id"] == first["case_id"]


@pytest.mark.slow
def test_more_files_in_one_go_than_django_takes_by_default(api: APIClient) -> None:
    files = global_settings.DATA_UPLOAD_MAX_NUMBER_FILES + 1
    response = upload(api, *(image(f"{n}.png", seed=n, size=16) for n in range(files)))
    assert response.status_code == 201
    assert len(response.json()["scans"]) == files
    assert Prediction.objects.filter(state="queued").count() == files


def test_the_same_file_twice_is_one_scan_and_one_prediction(api: APIClient) -> None:
    first = upload(api, image("a.png")).json()
    again = upload(api, image("b.png")).json()
    [shown] = again["scans"]
    assert shown["duplicate"] is True
    assert shown["id"] == first["scans"][0]["id"]
    assert shown["prediction"] == first["scans"][0]["prediction"]
    assert shown["duplicate_of"]["scan"] == first["scans"][0]["id"]
    assert shown["duplicate_of"]["prediction"] == shown["prediction"]
    assert api.get(shown["duplicate_of"]["url"]).status_code == 200
    assert (Scan.objects.count(), Prediction.objects.count()) == (1, 1)


def test_the_same_file_twice_in_one_request(api: APIClient) -> None:
    scans = upload(api, image("a.png"), image("b.png")).json()["scans"]
    assert [scan["duplicate"] for scan in scans] == [False, True]
    assert scans[0]["id"] == scans[1]["id"]


def test_a_repeated_image_in_another_case_names_the_first(api: APIClient) -> None:
    first = upload(api, image(), case="A").json()["scans"][0]
    second = upload(api, image(), case="B").json()["scans"][0]
    assert second["id"] != first["id"]
    assert second["duplicate_of"]["scan"] == first["id"]
    assert second["duplicate_of"]["prediction"] == first["prediction"]


def test_another_users_copy_is_not_revealed(api: APIClient, login: Any, other_user: User) -> None:
    upload(login(other_user), image())
    [shown] = upload(api, image()).json()["scans"]
    assert (shown["duplicate"], shown["duplicate_of"]) == (False, None)


BAD = {
    "empty": ("empty.png", b"", "empty"),
    "text renamed": ("scan.png", TEXT, "text"),
    "cut JPEG": ("cut.jpg", jpeg_bytes()[:2000], "truncated"),
    "bomb": ("bomb.png", bomb_png(), "too_many_pixels"),
    "svg": ("scan.svg", SVG, "markup"),
    "svg as png": ("scan.png", SVG, "markup"),
    "html as jpeg": ("scan.jpg", HTML, "markup"),
    "gif with script": ("scan.gif", polyglot("GIF"), "active_content"),
    "jpeg with script": ("scan.jpg", polyglot("JPEG"), "active_content"),
    "pdf": ("scan.png", b"%PDF-1.7\n", "pdf"),
    "empty archive": ("study.zip", zipped({}), "archive_empty"),
    "archive of folders": ("study.tar", folders("a", mode="w"), "archive_empty"),
    "noise": ("scan.png", bytes(range(256)) * 4, "unknown_format"),
}


@pytest.mark.parametrize(("name", "data", "code"), BAD.values(), ids=BAD)
def test_bad_files_are_refused_with_their_reason(
    api: APIClient, problem: Any, name: str, data: bytes, code: str
) -> None:
    body = problem(upload(api, SimpleUploadedFile(name, data)), 400, "nothing_accepted")
    [rejected] = body["rejected"]
    assert (rejected["name"], rejected["code"]) == (name, code)
    assert body["detail"] == f"{name}: {rejected['detail']}"
    assert (body["case"], body["scans"]) == (None, [])
    assert not Scan.objects.exists()
    assert not Case.objects.exists()
    assert AuditEvent.objects.filter(action="scan.rejected").count() == 1


@pytest.mark.parametrize(("name", "data", "code"), BAD.values(), ids=BAD)
def test_a_bad_file_never_stops_a_good_one(api: APIClient, name: str, data: bytes, code: str) -> None:
    response = upload(api, image("one.png", 1), SimpleUploadedFile(name, data), image("two.png", 2))
    assert response.status_code == 201
    body = response.json()
    assert [scan["name"] for scan in body["scans"]] == ["one.png", "two.png"]
    assert [(rejected["name"], rejected["code"]) for rejected in body["rejected"]] == [(name, code)]


def test_too_large_is_413_and_names_the_limit(api: APIClient, settings: Any, problem: Any) -> None:
    settings.MAX_UPLOAD_MB = 1
    big = SimpleUploadedFile("big.png", b"\x89PNG\r\n\x1a\n" + bytes(1024 * 1024))
    body = problem(upload(api, big), 413, "nothing_accepted")
    assert "1 MB" in body["detail"]
    assert [(rejected["name"], rejected["code"]) for rejected in body["rejected"]] == [("big.png", "too_large")]


def test_too_large_among_good_ones(api: APIClient, settings: Any) -> None:
    settings.MAX_UPLOAD_MB = 1
    big = SimpleUploadedFile("big.png", bytes(3 * 1024 * 1024))
    response = upload(api, image("one.png", 1), big, image("two.png", 2))
    assert response.status_code == 201
    assert [scan["name"] for scan in response.json()["scans"]] == ["one.png", "two.png"]
    assert [rejected["code"] for rejected in response.json()["rejected"]] == ["too_large"]


def test_too_large_and_bad_is_400(api: APIClient, settings: Any, problem: Any) -> None:
    settings.MAX_UPLOAD_MB = 1
    both = (SimpleUploadedFile("big.png", bytes(2 * 1024 * 1024)), SimpleUploadedFile("scan.png", TEXT))
    assert len(problem(upload(api, *both), 400, "nothing_accepted")["rejected"]) == 2


def test_no_files(api: APIClient, problem: Any) -> None:
    for fields in ({}, {"case": "A-1"}, {"files": "not a file"}, {"file": image()}):
        body = problem(api.post(URL, fields, format="multipart"), 400, "invalid")
        assert "curl" in body["errors"]["files"][0]
    assert not Case.objects.exists()


@pytest.mark.parametrize(
    "reference", ["Jane Doe", "../etc", "-x", "a" * 65, "ä", "<script>", "a\nb", "a\x00b", "a'; DROP TABLE x;--"]
)
def test_an_invalid_reference(api: APIClient, problem: Any, reference: str) -> None:
    body = problem(upload(api, image(), case=reference), 400, "invalid")
    assert "pseudonym" in body["errors"]["case"][0]
    assert not Scan.objects.exists()


def test_a_reference_that_another_user_has_opens_a_new_case(api: APIClient, other_user: User) -> None:
    theirs = CaseFactory(owner=other_user, reference="P-1")
    body = upload(api, image(), case="P-1").json()
    assert body["case_id"] != theirs.pk
    assert theirs.scans.count() == 0


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd.png", "passwd.png"),
        ("C:\\fake\\path\\scan.png", "scan.png"),
        ("/abs/olute.png", "olute.png"),
        ("Schädel‑腦.png", "Schädel‑腦.png"),
        ("quo\"te's.png", "quo\"te's.png"),
        ("<script>alert(1)<script>.png", "<script>alert(1)<script>.png"),
        ("x" * 300 + ".png", "x" * 251 + ".png"),
        ("gnp.\u202efdp.png", "gnp.fdp.png"),
        ("line\r\nSet-Cookie: a=b.png", "lineSet-Cookie: a=b.png"),
        ("nul\x00.png", "nul.png"),
        ("{{7*7}} %s ${x}.png", "{{7*7}} %s ${x}.png"),
    ],
)
def test_hostile_names(api: APIClient, name: str, kept: str) -> None:
    from urllib.parse import quote

    response = raw(api, part(b"filename*=UTF-8''" + quote(name, safe="").encode(), png_bytes()))
    assert response.status_code == 201, response.content
    [shown] = response.json()["scans"]
    assert shown["name"] == kept
    stored = Scan.objects.get().file.name
    assert stored and stored.endswith(".bin") and ".." not in stored
    download = api.get(shown["file_url"])
    assert "\r" not in download["Content-Disposition"] and "Set-Cookie" not in download
    download.close()


def test_line_breaks_in_a_part_header_do_no_harm(api: APIClient) -> None:
    response = raw(api, part(b'filename="a\r\nX-Evil: 1\r\n.png"', png_bytes()))
    assert response.status_code in (201, 400)
    assert "X-Evil" not in response


@pytest.mark.parametrize(
    "body", [b"", b"nonsense", b"--b", b"--b\r\n", b"--b\r\nContent-Disposition: nonsense\r\n\r\nx", b"\x00" * 100]
)
def test_malformed_multipart(api: APIClient, problem: Any, body: bytes) -> None:
    response = raw(api, body)
    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary="])
def test_multipart_without_boundary(api: APIClient, problem: Any, content_type: str) -> None:
    problem(raw(api, b"x", content_type), 400, "parse_error")


def test_too_many_files(api: APIClient, settings: Any, problem: Any) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 2
    problem(upload(api, *(image(f"{n}.png", n) for n in range(3))), 400, "too_many_files")


def test_too_many_fields(api: APIClient, settings: Any, problem: Any) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 2
    problem(upload(api, image(), a="1", b="2", c="3"), 400, "parse_error")


def test_fields_too_large(api: APIClient, settings: Any, problem: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    problem(upload(api, image(), case="x" * 100), 413, "too_large")


def test_only_multipart(api: APIClient, problem: Any) -> None:
    problem(api.post(URL, {"files": []}, format="json"), 415, "unsupported_media_type")
    problem(raw(api, png_bytes(), "image/png"), 415, "unsupported_media_type")
    problem(
        raw(api, b"files=x", "application/x-www-form-urlencoded"),
        415,
        "unsupported_media_type",
    )


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_wrong_verb(api: APIClient, problem: Any, method: str) -> None:
    problem(getattr(api, method)(URL), 405, "method_not_allowed")


def test_readers_may_open_cases_of_their_own(login: Any, reader: User) -> None:
    assert upload(login(reader), image()).status_code == 201
    assert Case.objects.get().owner == reader


def test_anonymous_is_401(anonymous: APIClient, problem: Any) -> None:
    problem(upload(anonymous, image()), 401, "not_authenticated")
    assert not Scan.objects.exists()


def test_without_a_free_slot_nothing_is_taken(
    api: APIClient, problem: Any, monkeypatch: pytest.MonkeyPatch, user: User
) -> None:
    monkeypatch.setattr(intake, "_slots", UploadSlots(0))
    response = upload(api, image())
    assert "Try again soon" in problem(response, 503, "busy")["detail"]
    assert response["Retry-After"] == "5"
    assert not Case.objects.exists() and not AuditEvent.objects.filter(action__startswith="scan").exists()
    problem(upload(api, image(), case="no reference"), 400, "invalid")


def test_a_reference_that_a_visible_case_has_is_told_after_or_before(reader: User, user: User, problem: Any) -> None:
    theirs = CaseFactory(owner=user, reference="P-1")
    client = APIClient()
    client.force_authenticate(reader)
    problem(upload(client, image(), case="P-1", refuse_same_reference="true"), 409, "reference_in_use")
    assert not Scan.objects.exists()
    body = upload(client, image(), case="P-1").json()
    [same] = body["same_reference"]
    assert (same["case_id"], same["owner"]) == (theirs.pk, "ada")
    assert body["case_id"] != theirs.pk
    assert client.get(same["url"]).status_code == 200
    assert upload(client, image(seed=1), case="P-1", refuse_same_reference="true").status_code == 201


def test_a_reference_that_a_hidden_case_has_is_told_to_nobody(api: APIClient, other_user: User) -> None:
    CaseFactory(owner=other_user, reference="P-1")
    response = upload(api, image(), case="P-1", refuse_same_reference="true")
    assert (response.status_code, response.json()["same_reference"]) == (201, [])
