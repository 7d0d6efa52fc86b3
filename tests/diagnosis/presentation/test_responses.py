"""A scan's files as responses: inert downloads, privately cached images."""

from collections.abc import Callable

import pytest
from django.test import Client

from diagnosis.models import Prediction
from tests.diagnosis.views.test_files import fetch

Make = Callable[..., Prediction]


@pytest.mark.parametrize("name", ['a"; filename=evil.html', "día\u202e.png", "a\r\nSet-Cookie: x=1.png", "x" * 255])
def test_an_original_is_an_inert_attachment_whatever_its_name(as_user: Client, make: Make, name: str) -> None:
    response = fetch(as_user, f"/scans/{make(name=name).scan_id}/file/")
    assert response["Content-Disposition"].startswith("attachment")
    assert "\n" not in response["Content-Disposition"] and not response.cookies.get("x")
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert response["Content-Type"] == "image/png"


@pytest.mark.parametrize("part", ["preview", "thumbnail"])
def test_no_browser_keeps_images_and_scripts_ask_conditionally(as_user: Client, make: Make, part: str) -> None:
    address = f"/scans/{make().scan_id}/{part}/"
    first = fetch(as_user, address)
    assert first["Content-Type"] == "image/png"
    assert first["Cache-Control"] == "private, no-store"
    assert fetch(as_user, address, headers={"If-None-Match": first["ETag"]}).status_code == 304


def test_a_file_that_is_gone_is_not_found(as_user: Client, make: Make) -> None:
    scan = make().scan
    scan.preview.delete(save=False)
    assert fetch(as_user, f"/scans/{scan.pk}/preview/").status_code == 404
