"""What is said where a file is gone: one sentence, wherever it was asked for."""

from collections.abc import Callable

import pytest
from django.test import Client

from diagnosis.models import Prediction
from diagnosis.presentation import missing
from tests.embeddings import embed
from tests.factories import CaseFactory

Make = Callable[..., Prediction]


def body_of(client: Client, address: str, **headers: str) -> str:
    return client.get(address, headers=headers).content.decode()


@pytest.mark.parametrize("part", ["file", "preview", "thumbnail"])
def test_a_download_says_that_the_file_is_missing(as_user: Client, make: Make, part: str) -> None:
    scan = make().scan
    getattr(scan, part).delete(save=False)
    page, api = as_user.get(f"/scans/{scan.pk}/{part}/"), as_user.get(f"/api/v1/scans/{scan.pk}/{part}/")
    assert (page.status_code, page.content.decode().count(missing.FILE)) == (404, 1)
    assert (api.status_code, api.json()["detail"]) == (404, missing.FILE)
    assert missing.FILE not in body_of(as_user, "/scans/999999/preview/")  # which is not there, or not for this user


@pytest.mark.parametrize("part", ["heatmap", "overlay"])
def test_a_map_cannot_be_drawn_over_a_damaged_preview(as_user: Client, make: Make, part: str) -> None:
    prediction = make()
    preview = prediction.scan.preview
    assert preview.name is not None
    with preview.storage.open(preview.name, "wb") as stored:
        stored.write(b"no image")
    assert missing.FILE in body_of(as_user, f"/predictions/{prediction.pk}/{part}/")


def test_each_page_with_images_holds_its_sentence_once_and_hidden(as_user: Client, make: Make) -> None:
    """A script shows it: only the browser knows whether an image came. tests/verification watches it do so."""
    asked = embed(make())
    embed(make(case=CaseFactory(owner=asked.owner)))
    hidden = 'data-part="no-images" hidden>'
    for address in ("/history/", f"/cases/{asked.scan.case_id}/", f"/predictions/{asked.pk}/similar/", "/upload/"):
        body = body_of(as_user, address)
        assert (body.count(missing.IMAGES), body.count(hidden)) == (1, 1), address
    body = body_of(as_user, f"/predictions/{asked.pk}/")
    assert (body.count(missing.IMAGE), body.count(missing.MAP)) == (1, 1)
    assert 'data-part="missing" hidden>' in body
