"""The upload page, with and without script."""

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from diagnosis import intake
from diagnosis.intake.limits import UploadSlots
from diagnosis.models import Case, Prediction, Scan, UploadRow
from diagnosis.models.case import REFERENCE, validate_reference
from diagnosis.models.prediction import State
from tests.builders import TEXT, phantom, png_bytes, zipped
from tests.factories import CaseFactory, UserFactory

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


def test_an_archive_without_images_is_reported_beside_a_good_file_and_alone(as_user: Client) -> None:
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
    body = response.content.decode()
    assert "copy.png = <a data-open" in body and "Already here." in body
    assert response.context["counts"] == {"waiting": 0, "taken": 1, "known": 1, "refused": 0, "asks": 0}
    assert "1 already here" in body and "not accepted" not in body.split("<template")[0]
    assert Scan.objects.count() == 1


def test_a_repeated_image_in_another_case_is_stored_with_a_note(as_user: Client) -> None:
    as_user.post("/upload/", {"case": "CA-1", "files": image()})
    response = as_user.post("/upload/", {"case": "CA-2", "files": image()})
    assert "The same image is also in case" in response.content.decode()
    assert Scan.objects.count() == 2


def test_the_same_image_twice_in_one_upload_is_one_row(as_user: Client) -> None:
    response = as_user.post("/upload/", {"case": "CA-1", "files": [image("a.png"), image("b.png")]})
    assert [row.state for row in response.context["rows"]] == ["taken", "known"]
    assert len({row.prediction_id for row in response.context["rows"]}) == 1


def test_the_script_gets_only_the_row(as_user: Client) -> None:
    response = as_user.post("/upload/", {"case": "CA-1", "files": image()}, headers=XHR)
    body = response.content.decode()
    assert "<html" not in body and 'class="upload-row"' in body and "poll-id" in body


def test_the_script_gets_a_rejected_row_and_what_is_wrong_with_the_form(as_user: Client) -> None:
    rejected = as_user.post("/upload/", {"files": SimpleUploadedFile("n.txt", TEXT)}, headers=XHR)
    assert rejected.status_code == 400 and "Remove n.txt" in rejected.content.decode()
    refused = as_user.post("/upload/", {"case": "Jane Doe", "files": image("me.png")}, headers=XHR)
    assert refused.status_code == 400
    body = refused.content.decode()
    assert "Use a pseudonym" in body and "data-refused" in body and "upload-row" not in body


def test_names_are_escaped(as_user: Client) -> None:
    response = as_user.post("/upload/", {"files": [image("<img src=x onerror=alert(1)>.png")]})
    body = response.content.decode()
    assert "&lt;img src=x onerror=alert(1)&gt;.png" in body and "<img src=x" not in body


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
    assert ('<p class="problem" data-refused>' in response.content.decode()) == bool(headers)
    assert not Case.objects.exists()


def test_the_page_states_the_servers_rule_for_references(as_user: Client) -> None:
    body = as_user.get("/upload/").content.decode()
    assert f'pattern="{REFERENCE}"' in body
    assert f'title="{validate_reference.message}"' in body


def test_a_script_names_its_file_and_finds_it_again(as_user: Client) -> None:
    key = uuid.uuid4()
    for _ in range(2):
        as_user.post("/upload/", {"case": "CA-1", "key": str(key), "files": image()}, headers=XHR)
    row = UploadRow.objects.get()
    assert (row.key, row.state, row.file_name) == (key, "taken", "axial.png")


@pytest.mark.parametrize("headers", [{}, XHR])
def test_a_name_that_a_visible_case_has_is_asked_about_first(
    client: Client, reader: User, user: User, headers: dict[str, str]
) -> None:
    CaseFactory(owner=user, reference="CA-1")
    client.force_login(reader)
    asked = client.post("/upload/", {"case": "CA-1", "files": image()}, headers=headers)
    assert asked.status_code == 409
    assert "ada already has a case CA-1" in asked.content.decode()
    assert not Scan.objects.exists()
    meant = client.post("/upload/", {"case": "CA-1", "files": image(), "own_case": "on"}, headers=headers)
    assert meant.status_code == 200
    assert set(Case.objects.values_list("owner__username", "reference")) == {("ada", "CA-1"), ("reader", "CA-1")}


def test_a_name_that_a_hidden_case_has_is_taken_without_a_word(client: Client, other_user: User) -> None:
    owner = UserFactory(username="hidden.owner")  # no random id has a dot
    CaseFactory(owner=owner, reference="CA-1")
    client.force_login(other_user)
    response = client.post("/upload/", {"case": "CA-1", "files": image()})
    assert response.status_code == 200
    assert owner.username not in response.content.decode()


def test_the_page_shows_the_list_with_the_same_queries_for_few_and_many_rows(
    as_user: Client, user: User, make: Any, django_assert_max_num_queries: Any
) -> None:
    def listed(count: int) -> None:
        for n in range(count):
            p = make(state=State.DONE)
            fields = {"prediction": p, "duplicate_of": p.scan} if n % 2 else {"prediction": p}
            UploadRow.objects.create(user=user, key=uuid.uuid4(), state="taken", **fields)

    listed(2)
    as_user.get("/upload/")  # what is looked up once and remembered
    with CaptureQueriesContext(connection) as few:
        as_user.get("/upload/")
    listed(20)
    with django_assert_max_num_queries(len(few)):
        assert as_user.get("/upload/").content.decode().count('<li class="upload-row"') == 22 + 1


def test_the_list_is_kept_until_it_was_seen(as_user: Client, user: User, make: Any) -> None:
    done = UploadRow.objects.create(user=user, key=uuid.uuid4(), state="taken", prediction=make(state=State.DONE))
    running = UploadRow.objects.create(user=user, key=uuid.uuid4(), state="taken", prediction=make(state=State.RUNNING))
    waiting = UploadRow.objects.create(user=user, key=uuid.uuid4(), name="late.png", reference="CA-9")
    body = as_user.get("/upload/").content.decode()
    assert "late.png" in body and "Not sent to case CA-9" in body
    assert [UploadRow.objects.get(pk=row.pk).seen is not None for row in (done, running, waiting)] == [
        True,
        False,
        False,
    ]


def test_a_row_of_a_scan_that_changed_hands_says_so_and_no_more(
    as_user: Client, user: User, other_user: User, make: Any
) -> None:
    p = make(state=State.DONE, name="secret.png", owner=other_user)
    UploadRow.objects.create(user=user, key=uuid.uuid4(), state="taken", name="mine.png", prediction=p)
    body = as_user.get("/upload/").content.decode()
    assert "mine.png" in body and "its case has a new owner" in body
    assert "secret.png" not in body and f"/predictions/{p.pk}/" not in body
