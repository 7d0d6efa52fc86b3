"""scans/: lists, one, and the bytes. Uploading has its own file."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from rest_framework.test import APIClient

from diagnosis.models import AuditEvent, Scan
from tests.factories import PredictionFactory, ScanFactory

URL = "/api/v1/scans/"


@pytest.fixture
def scan(user: User) -> Scan:
    return ScanFactory(case__owner=user, name='axial "1" ä.png')


def body_of(response: Any) -> bytes:
    return b"".join(response.streaming_content)


def test_one_scan(api: APIClient, scan: Scan) -> None:
    newest = [PredictionFactory(scan=scan, state=state) for state in ("failed", "done")][-1]
    body = api.get(f"{URL}{scan.pk}/").json()
    assert body["id"] == scan.pk
    assert body["name"] == scan.name
    assert (body["format"], body["width"], body["height"]) == ("PNG", 96, 96)
    assert body["case"] == scan.case.reference
    assert body["owner"] == "ada"
    assert body["prediction"]["id"] == newest.pk
    assert [row["state"] for row in body["predictions"]] == ["done", "failed"]
    assert body["predictions"][1]["outcome"] is None
    for key in ("url", "case_url", "file_url", "preview_url", "thumbnail_url"):
        response = api.get(body[key])
        assert response.status_code == 200
        response.close()
    assert api.get(body["prediction"]["url"]).status_code == 200


def test_a_scan_without_prediction(api: APIClient, scan: Scan) -> None:
    body = api.get(f"{URL}{scan.pk}/").json()
    assert (body["prediction"], body["predictions"]) == (None, [])


def test_storage_names_are_not_revealed(api: APIClient, scan: Scan) -> None:
    text = api.get(f"{URL}{scan.pk}/").content.decode()
    assert scan.file.name not in text
    assert "storage" not in text


@pytest.mark.parametrize(
    ("query", "count"),
    [("q=axial", 1), ("q=none", 0), ("owner=ada", 1), ("case=none", 0), ("created_after=2000-01-01", 1)],
)
def test_list_and_filters(api: APIClient, scan: Scan, query: str, count: int) -> None:
    ScanFactory()
    assert api.get(f"{URL}?{query}").json()["count"] == count


def test_filter_by_digest(api: APIClient, scan: Scan) -> None:
    assert api.get(URL, {"sha256": scan.sha256}).json()["count"] == 1
    assert api.get(URL, {"sha256": "0" * 64}).json()["count"] == 0


def test_list_costs_the_same_whatever_its_length(
    api: APIClient, user: User, django_assert_max_num_queries: Any
) -> None:
    for each in ScanFactory.create_batch(8, case__owner=user):
        PredictionFactory.create_batch(2, scan=each, state="failed", model_version=None)
    with django_assert_max_num_queries(6):  # token, count, rows, predictions, two of the audit
        assert len(api.get(URL).json()["results"]) == 8


def test_the_original_is_an_attachment_that_no_browser_interprets(api: APIClient, scan: Scan) -> None:
    response = api.get(f"{URL}{scan.pk}/file/")
    with scan.file.open() as stored:
        assert body_of(response) == stored.read()
    assert response["Content-Type"] == "image/png"
    assert response["Content-Disposition"].startswith("attachment;")
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert AuditEvent.objects.get(action="file.downloaded").target_id == str(scan.pk)


def test_only_sent_bytes_are_audited_as_a_download(api: APIClient, scan: Scan) -> None:
    head = api.head(f"{URL}{scan.pk}/file/")
    head.close()
    assert head.status_code == 200
    assert api.get(f"{URL}{scan.pk}/file/", HTTP_IF_NONE_MATCH=head["ETag"]).status_code == 304
    assert not AuditEvent.objects.filter(action="file.downloaded").exists()


@pytest.mark.parametrize("accept", ["image/png", "image/*", "text/html", "application/json", "*/*"])
def test_files_are_sent_whatever_the_client_accepts(api: APIClient, scan: Scan, accept: str) -> None:
    for path in ("file", "preview", "thumbnail", "pixels/0"):
        response = api.get(f"{URL}{scan.pk}/{path}/", HTTP_ACCEPT=accept)
        assert response.status_code == 200
        response.close()


@pytest.mark.parametrize("path", ["preview", "thumbnail"])
def test_no_browser_keeps_images_and_scripts_ask_conditionally(api: APIClient, scan: Scan, path: str) -> None:
    first = api.get(f"{URL}{scan.pk}/{path}/")
    assert first["Content-Type"] == "image/png"
    assert body_of(first).startswith(b"\x89PNG")
    assert first["Cache-Control"] == "private, no-store"
    again = api.get(f"{URL}{scan.pk}/{path}/", HTTP_IF_NONE_MATCH=first["ETag"])
    assert again.status_code == 304


def test_a_file_that_is_gone_is_404(api: APIClient, scan: Scan, problem: Any) -> None:
    for name, path in ((scan.file.name, "file"), (scan.preview.name, "preview"), (scan.thumbnail.name, "thumbnail")):
        default_storage.delete(str(name))
        problem(api.get(f"{URL}{scan.pk}/{path}/"), 404, "not_found")


@pytest.mark.parametrize("path", ["", "file/", "preview/", "thumbnail/", "pixels/0/"])
class TestWhoMaySee:
    def test_other_users_get_404(self, login: Any, other_user: User, scan: Scan, problem: Any, path: str) -> None:
        problem(login(other_user).get(f"{URL}{scan.pk}/{path}"), 404, "not_found")
        assert not AuditEvent.objects.filter(action="file.downloaded").exists()

    def test_readers_get_the_scan(self, login: Any, reader: User, scan: Scan, path: str) -> None:
        response = login(reader).get(f"{URL}{scan.pk}/{path}")
        assert response.status_code == 200
        response.close()

    def test_anonymous_requests_get_401(self, anonymous: APIClient, scan: Scan, problem: Any, path: str) -> None:
        problem(anonymous.get(f"{URL}{scan.pk}/{path}"), 401, "not_authenticated")

    def test_wrong_verb(self, api: APIClient, scan: Scan, problem: Any, path: str) -> None:
        for method in ("post", "put", "patch", *(["delete"] if path else [])):
            problem(getattr(api, method)(f"{URL}{scan.pk}/{path}"), 405, "method_not_allowed")


def test_users_see_their_own_scans(login: Any, other_user: User, scan: Scan) -> None:
    assert login(other_user).get(URL).json()["count"] == 0
