"""What an open upload page asks of its list: rows announced, read and dismissed, images, the session, same names."""

import json
import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from diagnosis.models import UploadPreview, UploadRow
from tests.builders import dicom_series, zipped
from tests.factories import CaseFactory

XHR = {"X-Requested-With": "XMLHttpRequest"}
ADDRESSES = ("/upload/rows/", "/upload/session/", "/upload/same-name/", "/upload/rows/1/picture/")


def entry(**fields: Any) -> dict[str, Any]:
    return {"key": str(uuid.uuid4()), "name": "a.png", "size": 10} | fields


def announce(client: Client, found: Any) -> int:
    return client.post("/upload/rows/", {"rows": json.dumps(found), "case": "CA-1"}, headers=XHR).status_code


def test_announced_files_are_on_the_page_after_a_reload(as_user: Client) -> None:
    assert announce(as_user, [entry(name="a.png"), entry(name="../b.png"), entry(size=10**9, too_large=True)]) == 204
    for address in ("/upload/", "/upload/rows/"):
        body = as_user.get(address).content.decode()
        assert "a.png" in body and "b.png" in body and "../b.png" not in body
        assert body.count("Not sent to case CA-1") == 2
        assert "The file is larger than 250 MB" in body


@pytest.mark.parametrize(
    "found",
    [
        {},
        [1],
        [{}],
        [entry(key="x")],
        [entry(key=5)],
        [entry(size=float("inf"))],
        [entry(size="much")],
        [entry(size=-1)],
        [entry(size=2**63)],
        [entry(size=None)],
        [entry()] * 2001,
    ],
)
def test_an_announcement_that_makes_no_sense_is_a_400(as_user: Client, found: Any) -> None:
    assert announce(as_user, found) == 400
    assert as_user.post("/upload/rows/", {"rows": "["}).status_code == 400
    assert not UploadRow.objects.exists()


def test_hostile_names_and_references_are_kept_as_text(as_user: Client) -> None:
    assert announce(as_user, [entry(name="\ud800<b>\0" + "x" * 400)]) == 204
    as_user.post("/upload/rows/", {"rows": json.dumps([entry()]), "case": "a\0" + "b" * 300})
    assert "&lt;b&gt;xxx" in as_user.get("/upload/").content.decode()


def test_a_row_is_removed_with_and_without_a_script(as_user: Client) -> None:
    announce(as_user, [entry(), entry()])
    first, second = UploadRow.objects.all()
    response = as_user.post("/upload/rows/dismiss/", {"row": first.pk})
    assert (response.status_code, response["Location"]) == (302, "/upload/")
    fields = {"key": [str(second.key), "x"], "row": ["x", "9" * 40]}
    assert as_user.post("/upload/rows/dismiss/", fields, headers=XHR).status_code == 204
    assert not UploadRow.objects.exists()
    assert as_user.get("/upload/rows/dismiss/").status_code == 405


ARCHIVE = zipped({f"IM{n}.dcm": data for n, data in enumerate(dicom_series(2, BurnedInAnnotation="YES"))})


@pytest.fixture
def asking(as_user: Client) -> list[UploadRow]:
    """Two images of an archive that may show a name."""
    as_user.post("/upload/", {"key": str(uuid.uuid4()), "files": SimpleUploadedFile("study.zip", ARCHIVE)}, headers=XHR)
    return list(UploadRow.objects.all())


def test_the_images_of_an_archive_are_shown_large_to_their_uploader_alone(
    as_user: Client, asking: list[UploadRow], admin: User, other_user: User
) -> None:
    address = f"/upload/rows/{asking[0].pk}/picture/"
    body = as_user.get("/upload/").content.decode()
    assert address in body and "2 to look at" in body
    response = as_user.get(address)
    assert (response.status_code, response["Content-Type"]) == (200, "image/jpeg")
    assert "no-store" in response["Cache-Control"]
    assert response.content.startswith(b"\xff\xd8\xff")
    for person in (admin, other_user):
        client = Client()
        client.force_login(person)
        assert client.get(address).status_code == 404
        assert "IM0.dcm" not in client.get("/upload/").content.decode()
    assert Client().get(address).status_code == 302


def test_an_image_that_was_answered_or_has_expired_is_gone(as_user: Client, asking: list[UploadRow]) -> None:
    UploadPreview.objects.filter(row=asking[0]).delete()
    assert as_user.get(f"/upload/rows/{asking[0].pk}/picture/").status_code == 404
    assert "The image is not shown" in as_user.get("/upload/").content.decode()
    as_user.post("/upload/rows/dismiss/", {"row": asking[1].pk})
    assert as_user.get(f"/upload/rows/{asking[1].pk}/picture/").status_code == 404


def test_the_file_is_taken_once_its_images_were_looked_at(as_user: Client, asking: list[UploadRow]) -> None:
    fields = {
        "key": str(asking[0].key),
        "looked_at": [asking[0].pk, asking[1].pk, "x"],
        "files": SimpleUploadedFile("study.zip", ARCHIVE),
    }
    assert as_user.post("/upload/", fields, headers=XHR).status_code == 200
    [row] = UploadRow.objects.all()
    assert row.state == "taken" and row.prediction is not None and row.prediction.scan.frames == 2
    assert not UploadPreview.objects.exists()


def test_the_session_tells_a_script_who_is_logged_in_and_a_person_where_to_go(as_user: Client, user: User) -> None:
    found = as_user.get("/upload/session/", headers=XHR).json()
    assert (found["user"], found["name"]) == (user.pk, "ada")
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    token = client.get("/upload/session/", headers=XHR).json()["token"]
    fields = {"rows": json.dumps([entry()]), "csrfmiddlewaretoken": token}
    assert client.post("/upload/rows/", fields).status_code == 204
    assert "Go back to it" in as_user.get("/upload/session/").content.decode()


def test_a_same_name_is_asked_about_if_the_case_may_be_seen(client: Client, reader: User, user: User) -> None:
    CaseFactory(owner=user, reference="CA-1")
    client.force_login(reader)
    assert "CA-1 of ada" in client.get("/upload/same-name/?case=CA-1").content.decode()
    assert client.get("/upload/same-name/?case=CA-2%00").status_code == 204
    client.force_login(user)
    assert client.get("/upload/same-name/?case=CA-1").status_code == 204


@pytest.mark.django_db
@pytest.mark.parametrize("address", ADDRESSES)
def test_a_visitor_is_sent_to_the_login(client: Client, address: str) -> None:
    response = client.get(address)
    assert response.status_code == 302 and response["Location"].startswith("/login/")
