"""Where an image cannot be had, each place says so in one sentence, and no page shows a broken one."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Page, expect

from diagnosis.presentation import missing
from tests import builders
from tests.builders import phantom, png_bytes
from tests.verification.client import Client
from tests.verification.results import one_of_each
from tests.verification.services import Site
from tests.verification.test_reading import log_in

CASE = "MISSING"
BROKEN = """() => [...document.images].filter(image => image.checkVisibility() && image.complete && !image.naturalWidth)
  .map(image => image.src)"""
DELETE = """
from diagnosis.models import Scan, Slice
for row in [*Scan.objects.filter(case__reference={case!r}), *Slice.objects.filter(scan__case__reference={case!r})]:
    for file in (row.file, row.preview, row.thumbnail):
        if file and file.name:
            file.storage.delete(file.name)
"""
EMBED = """
from diagnosis.models import Embedding, Prediction
from tests.embeddings import embed
Embedding.objects.all().delete()
version = Prediction.objects.get(pk={similar}).model_version
base = dict(state="done", outcome="no_tumor", tumor_probability=0.1, model_version=version)
Prediction.objects.filter(pk={asked}).update(**base)
for number in ({asked}, {similar}):
    embed(Prediction.objects.get(pk=number))
"""
SENTENCES = (missing.IMAGE, missing.IMAGES, missing.MAP, "could not be loaded")


@pytest.fixture(scope="module")
def results(site: Site) -> dict[str, int]:
    """One result of each kind, all of whose files are gone from the storage."""
    found = one_of_each(site, case=CASE, seed=3000)
    site.manage("shell", "-c", DELETE.format(case=CASE))
    return found


@pytest.fixture
def reader(page: Page) -> Iterator[Page]:
    log_in(page, "admin")
    yield page


def said(page: Page) -> list[str]:
    """The visible sentences that say an image is missing."""
    text = page.locator("main").inner_text()
    return [one for one in SENTENCES for _ in range(text.count(one))]


def test_each_kind_of_result(reader: Page, results: dict[str, int]) -> None:
    for kind in ("tumor", "uncertain", "refused", "waiting", "series"):
        reader.goto(f"/predictions/{results[kind]}/")
        expect(reader.locator("[data-part=missing]")).to_be_visible()
        assert said(reader) == [missing.IMAGE], kind
        assert reader.evaluate(BROKEN) == [], kind
        expect(reader.locator(".layer-box")).to_be_hidden()


def test_each_list(reader: Page, results: dict[str, int]) -> None:
    case = reader.request.get(f"/api/v1/predictions/{results['tumor']}/").json()["case_id"]
    lists = (
        f"/history/?q={CASE}",
        f"/cases/{case}/",
        "/admin/diagnosis/scan/",
        "/admin/diagnosis/prediction/",
    )
    for address in lists:
        reader.goto(address)
        expect(reader.locator(".no-image").first).to_be_visible()
        reader.wait_for_load_state("networkidle")
        assert said(reader) == [missing.IMAGES], address
        assert reader.evaluate(BROKEN) == [], address


def test_the_upload_list(reader: Page, site: Site) -> None:
    """A thumbnail that is gone; and an image that asks about a name, which nobody can answer for unseen."""
    site.clear_uploads()
    reader.route("**/thumbnail/", lambda route: route.fulfill(status=404))
    reader.route("**/picture/", lambda route: route.fulfill(status=404))
    reader.goto("/upload/")
    reader.locator("#id_case").fill("GONE-1")
    named = builders.dicom_series(1, BurnedInAnnotation="YES", size=256)[0]
    files = (("plain.png", png_bytes(phantom(128, seed=3300))), ("named.zip", builders.zipped({"IM0": named})))
    payloads: list[FilePayload] = [
        {"name": name, "mimeType": "application/octet-stream", "buffer": data} for name, data in files
    ]
    reader.locator("#id_files").set_input_files(payloads)
    asking = reader.locator(".upload-row").filter(has_text="The image is not shown")
    asking.scroll_into_view_if_needed(timeout=30_000)
    expect(asking.get_by_text("The image is not shown")).to_be_visible()
    expect(asking.get_by_role("button", name="No name in it")).to_have_count(0)
    expect(reader.locator("#uploads .no-image").first).to_be_visible()
    assert said(reader) == [missing.IMAGES]
    assert reader.evaluate(BROKEN) == []


def test_two_scans_side_by_side(reader: Page, results: dict[str, int]) -> None:
    reader.goto(f"/predictions/{results['tumor']}/?list=q%3D{CASE}")
    reader.get_by_role("link", name="Compare").click()
    for at in (0, 1):
        expect(reader.locator("[data-part=missing]").nth(at)).to_be_visible()
    assert said(reader) == [missing.IMAGE, missing.IMAGE]  # one for each
    assert reader.evaluate(BROKEN) == []


def test_only_the_gray_values_or_the_map_are_missing(reader: Page, site: Site) -> None:
    client = Client(site.url, site.token())
    _, receipt = client.upload(("kept.png", png_bytes(phantom(128, seed=3100))), case="KEPT")
    number = receipt["scans"][0]["prediction"]["id"]
    client.wait(number)
    reader.route("**/pixels/**", lambda route: route.abort())
    reader.goto(f"/predictions/{number}/")
    expect(reader.locator("[data-part=readout]")).to_contain_text("this is a smaller copy of the image")
    expect(reader.locator("[data-part=missing]")).to_be_hidden()
    assert len(said(reader)) == 1

    def with_a_map(route: Any) -> None:
        answer = route.fetch()
        listing = answer.json()
        listing["slices"][0] |= {"map": "/predictions/999999/heatmap/", "box": [0.2, 0.2, 0.3, 0.3], "caption": "all"}
        route.fulfill(json=listing)

    reader.unroute("**/pixels/**")
    reader.route("**/slices/", with_a_map)
    reader.reload()
    expect(reader.locator("[data-part=readout]")).to_contain_text(missing.MAP)
    assert said(reader) == [missing.MAP]
    expect(reader.locator(".layer-box")).to_be_visible()


def test_the_similar_cases(reader: Page, results: dict[str, int], site: Site) -> None:
    """The panel beside a result whose own image is there: one sentence for the panel, none for the result."""
    client = Client(site.url, site.token())
    _, receipt = client.upload(("asked.png", png_bytes(phantom(128, seed=3200))), case="ASKED")
    asked = receipt["scans"][0]["prediction"]["id"]
    client.wait(asked)
    site.manage("shell", "-c", EMBED.format(asked=asked, similar=results["no_tumor"]))
    reader.goto(f"/predictions/{asked}/")
    reader.locator(".similar").scroll_into_view_if_needed()
    expect(reader.locator(".similar .no-image")).to_be_visible()
    assert said(reader) == [missing.IMAGES]
    assert reader.evaluate(BROKEN) == []


def test_a_download_says_that_the_file_is_missing(reader: Page, results: dict[str, int]) -> None:
    reader.goto(f"/predictions/{results['tumor']}/")
    reader.goto(reader.get_by_role("link", name="Original").get_attribute("href") or "")
    expect(reader.locator("main")).to_contain_text(missing.FILE)
