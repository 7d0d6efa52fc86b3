"""What the upload handler keeps of a request's files."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.test import Client

from tests import builders

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/login/", "/upload/", "/queue/"])
def test_files_of_anonymous_visitors_are_not_kept(path: str, user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[str] = []
    new_file = MemoryFileUploadHandler.new_file

    def watched(handler: Any, field: str, name: str, *args: Any, **kwargs: Any) -> None:
        kept.append(name)
        new_file(handler, field, name, *args, **kwargs)

    monkeypatch.setattr(MemoryFileUploadHandler, "new_file", watched)
    client = Client(enforce_csrf_checks=True)
    client.get("/login/")

    def post() -> int:
        files = {"files": SimpleUploadedFile("a.png", builders.png_bytes())}
        return int(client.post(path, files).status_code)

    assert post() == 403
    assert kept == []
    client.force_login(user)
    assert post() == 403
    assert kept == ["a.png"]


def test_a_volume_in_a_format_that_is_not_read_is_refused_with_the_reason(user: Any, settings: Any) -> None:
    settings.MAX_UPLOAD_MB = 1
    data = b"ObjectType = Image\nNDims = 3\n" + bytes(1_500_000)
    client = Client()
    client.force_login(user)
    response = client.post("/upload/", {"files": SimpleUploadedFile("brain.mha", data)})
    assert response.status_code == 400
    assert "stored as MetaImage" in response.content.decode()
