"""A scan's files: who gets them."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from diagnosis.models import AuditEvent, Prediction

Make = Callable[..., Prediction]
PARTS = ("file", "preview", "thumbnail")


def fetch(client: Client, address: str, **kwargs: Any) -> Any:
    """The response, read to its end, so that its file is closed."""
    response: Any = client.get(address, **kwargs)
    if response.streaming:
        response.body = b"".join(response.streaming_content)
    response.close()
    return response


@pytest.mark.parametrize("part", PARTS)
def test_only_users_who_may_see_the_case_get_files(as_user: Client, make: Make, other_user: User, part: str) -> None:
    mine, theirs = make().scan, make(owner=other_user).scan
    assert fetch(as_user, f"/scans/{mine.pk}/{part}/").status_code == 200
    assert fetch(as_user, f"/scans/{theirs.pk}/{part}/").status_code == 404
    assert fetch(as_user, f"/scans/999999/{part}/").status_code == 404
    assert fetch(Client(), f"/scans/{mine.pk}/{part}/").status_code == 302


def test_downloads_are_audited_previews_are_not(as_user: Client, make: Make) -> None:
    scan = make().scan
    for part in PARTS:
        fetch(as_user, f"/scans/{scan.pk}/{part}/")
    assert AuditEvent.objects.filter(action="file.downloaded").count() == 1


@pytest.mark.parametrize("part", ["heatmap", "overlay"])
def test_only_users_who_may_see_the_case_get_the_evidence(
    as_user: Client, make: Make, other_user: User, part: str
) -> None:
    mine, theirs = make(), make(owner=other_user)
    response = as_user.get(f"/predictions/{mine.pk}/{part}/")
    assert (response.status_code, response["Content-Type"]) == (200, "image/png")
    assert response["Cache-Control"] == "private, no-store"
    again = as_user.get(f"/predictions/{mine.pk}/{part}/", headers={"If-None-Match": response["ETag"]})
    assert again.status_code == 304
    assert as_user.get(f"/predictions/{theirs.pk}/{part}/").status_code == 404
    assert as_user.get(f"/predictions/{make(evidence=None).pk}/{part}/").status_code == 404
    assert Client().get(f"/predictions/{mine.pk}/{part}/").status_code == 302
