"""The upload page, with and without script."""

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from diagnosis import intake
from diagnosis.intake.limits import UploadSlots
from diagnosis.models import Case, Prediction, Scan
from tests.builders import TEXT, phantom, png_bytes, zipped

XHR = {"X-Requested-With": "XMLHttpRequest"}


def image(name: str = "axial.png", seed: int = 0) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, png_bytes(phantom(96, seed=seed)))


def test_the_form_offers_a_new_reference_and_recent_ones(as_user: Client, user: User) -> None:
    Case.objects.create(owner=user, reference="CA-OLD")
    response = as_user.get("/upload/")
    assert response.context["form"]["case"].value().startswith("CA-")
    assert '<option value="CA-OLD">' in response.content.decode()
    assert 'value="CA-7"' in as_user.get("/upload/?case=CA-7").content.decode()


def test_a_good_and_a_bad_file_together_end_on_one_page(as_user: Client) -> None:
    files = [image(), SimpleUploadedFile("notes.txt", TEXT)]
    response = as_user.post("/upload/", {"case": "CA-1", "files": files})
    body = response.content.decode()
    assert response.status_code == 200
    assert f"/predictions/{Prediction.objects.get().pk}/" in body
    assert "notes.txt" in body and "this is text" in body


def test_all_bad_is_a_400(as_user: Client) -> None:
    response = as_user.post("/upload/", {"files": SimpleUploadedFile("notes.txt", TEXT)})
    assert response.status_code == 400
    assert "this is text" in response.content.decode()
    assert not Case.objects.exists()


def test_an_archive_without_pictures_is_reported_beside_a_good_file_and_alone(as_user: Client) -> None:
    alone = as_user.post("/upload/", {"files": SimpleUploadedFile("study.zip", zipped({}))})
    assert alone.status_code == 400
    beside = as_user.post("/upload/", {"files": [image(), SimpleUploadedFile("study.zip", zipped({}))]})
    assert beside.status_code == 200 and Prediction.objects.count() == 1
    for response in (alone, beside):
        assert "There is no image in the archive" in response.content.decode()


def test_all_too_large_is_a_413_that_names_the_limit(as_user: Client, settings: object) -> None:
    settings.MAX_UPLOAD_MB = 1  # type: ignore[attr-defined]
    response = as_user.post("/upload/", {"files": SimpleUploadedFile("big.png", b"0" * 1_100_000)})
    assert response.status_code == 413
    assert "big.png" in response.content.decode() and "1 MB" in response.content.decode()


def test_an_upload_without_files_is_reported(as_user: Client) -> None:
    response = as_user.post("/upload/", {"case": "CA-1"})
    assert response.status_code == 400
    assert "No file was sent" in response.content.decode()


@pytest.mark.parametrize("reference", ["Jane Doe", "../x", "x" * 300])
def test_an_invalid_reference_is_reported_at_its_field(as_user: Client, reference: str) -> None:
    response = as_user.post("/upload/", {"case": reference, "files": image()})
    assert response.status_code == 400
    assert response.context["form"].errors["case"]
    assert not Scan.objects.exists()


def test_a_repeated_image_links_to_the_first(as_user: Client) -> None:
    as_user.post("/upload/", {"case": "CA-1", "files": image()})
    response = as_user.post("/upload/", {"case": "CA-1", "files": image("copy.png")})
    assert "copy.png was uploaded before" in response.content.decode()
    assert Scan.objects.count() == 1


def test_a_repeated_image_in_another_case_is_stored_with_a_note(as_user: Client) -> None:
    as_user.post("/upload/", {"case": "CA-1", "files": image()})
    response = as_user.post("/upload/", {"case": "CA-2", "files": image()})
    assert "The same image is also in case" in response.content.decode()
    assert Scan.objects.count() == 2


def test_the_same_image_twice_in_one_upload_is_one_row(as_user: Client) -> None:
    response = as_user.post("/upload/", {"case": "CA-1", "files": [image("a.png"), image("b.png")]})
    assert len(response.context["uploaded"]) == 1


def test_the_script_gets_only_the_row(as_user: Client) -> None:
    response = as_user.post("/upload/", {"case": "CA-1", "files": image()}, headers=XHR)
    body = response.content.decode()
    assert "<html" not in body and 'class="upload-row"' in body and "poll-id" in body


def test_the_script_gets_a_rejected_row_and_the_form_errors_as_a_row(as_user: Client) -> None:
    rejected = as_user.post("/upload/", {"files": SimpleUploadedFile("n.txt", TEXT)}, headers=XHR)
    assert rejected.status_code == 400 and "Remove n.txt" in rejected.content.decode()
    refused = as_user.post("/upload/", {"case": "Jane Doe", "files": image("me.png")}, headers=XHR)
    assert refused.status_code == 400
    assert "me.png" in refused.content.decode() and "Use a pseudonym" in refused.content.decode()


def test_names_are_escaped(as_user: Client) -> None:
    response = as_user.post("/upload/", {"files": [image("<img src=x onerror=alert(1)>.png")]})
    assert "<img src=x" not in response.content.decode()


def test_an_upload_without_token_is_refused(user: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    assert client.post("/upload/", {"files": image()}).status_code == 403
    assert not Scan.objects.exists()


@pytest.mark.parametrize("headers", [{}, XHR])
def test_a_busy_site_says_when_to_try_again(
    as_user: Client, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    monkeypatch.setattr(intake, "_slots", UploadSlots(0))
    response = as_user.post("/upload/", {"case": "CA-1", "files": image()}, headers=headers)
    assert response.status_code == 503
    assert response["Retry-After"] == "5"
    assert "Try again soon" in response.content.decode()
    assert ("upload-row" in response.content.decode().split("<template")[0]) == bool(headers)
    assert not Case.objects.exists()
