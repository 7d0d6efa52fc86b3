"""The bytes of scans: who gets them, and how harmless they arrive."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from diagnosis.models import AuditEvent, Prediction

Make = Callable[..., Prediction]
KINDS = ("file", "preview", "thumbnail")


def fetch(client: Client, address: str, **kwargs: Any) -> Any:
    """The response, read to its end, so that its file is closed."""
    response = client.get(address, **kwargs)
    if response.streaming:
        response.body = b"".join(response.streaming_content)
    response.close()
    return response


@pytest.mark.parametrize("kind", KINDS)
def test_only_who_may_see_the_case(as_user: Client, make: Make, other_user: User, kind: str) -> None:
    mine, theirs = make().scan, make(owner=other_user).scan
    assert fetch(as_user, f"/scans/{mine.pk}/{kind}/").status_code == 200
    assert fetch(as_user, f"/scans/{theirs.pk}/{kind}/").status_code == 404
    assert fetch(as_user, f"/scans/999999/{kind}/").status_code == 404
    assert fetch(Client(), f"/scans/{mine.pk}/{kind}/").status_code == 302


@pytest.mark.parametrize("name", ['a"; filename=evil.html', "día\u202e.png", "a\r\nSet-Cookie: x=1.png", "x" * 255])
def test_an_original_is_an_inert_attachment_whatever_its_name(as_user: Client, make: Make, name: str) -> None:
    response = fetch(as_user, f"/scans/{make(name=name).scan_id}/file/")
    assert response["Content-Disposition"].startswith("attachment")
    assert "\n" not in response["Content-Disposition"] and not response.cookies.get("x")
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert response["Content-Type"] == "image/png"


def test_downloads_are_audited_pictures_are_not(as_user: Client, make: Make) -> None:
    scan = make().scan
    for kind in KINDS:
        fetch(as_user, f"/scans/{scan.pk}/{kind}/")
    assert AuditEvent.objects.filter(action="file.downloaded").count() == 1


@pytest.mark.parametrize("kind", ["preview", "thumbnail"])
def test_pictures_are_cached_privately_and_asked_for_conditionally(as_user: Client, make: Make, kind: str) -> None:
    address = f"/scans/{make().scan_id}/{kind}/"
    first = fetch(as_user, address)
    assert first["Content-Type"] == "image/png"
    assert "private" in first["Cache-Control"] and "max-age" in first["Cache-Control"]
    assert fetch(as_user, address, headers={"If-None-Match": first["ETag"]}).status_code == 304


@pytest.mark.parametrize("kind", ["heatmap", "overlay"])
def test_the_evidence_is_for_who_may_see_the_case(as_user: Client, make: Make, other_user: User, kind: str) -> None:
    mine, theirs = make(), make(owner=other_user)
    response = as_user.get(f"/predictions/{mine.pk}/{kind}/")
    assert (response.status_code, response["Content-Type"]) == (200, "image/png")
    assert "private" in response["Cache-Control"]
    again = as_user.get(f"/predictions/{mine.pk}/{kind}/", headers={"If-None-Match": response["ETag"]})
    assert again.status_code == 304
    assert as_user.get(f"/predictions/{theirs.pk}/{kind}/").status_code == 404
    assert as_user.get(f"/predictions/{make(evidence=None).pk}/{kind}/").status_code == 404
    assert Client().get(f"/predictions/{mine.pk}/{kind}/").status_code == 302


def test_a_file_that_is_gone_is_not_found(as_user: Client, make: Make) -> None:
    scan = make().scan
    scan.preview.delete(save=False)
    assert fetch(as_user, f"/scans/{scan.pk}/preview/").status_code == 404
