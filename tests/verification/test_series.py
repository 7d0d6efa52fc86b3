"""Whole series on the real site: gathered, read slice by slice, cut off, canceled, and looked through."""

import csv
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from playwright.sync_api import Page, expect

from tests import builders
from tests.verification.client import Client
from tests.verification.services import PASSWORD, Site, wait_for

SLICES = 40
_ALL_SEEN = """() => {
    (window.turned ??= new Set()).add(document.querySelector("[data-part=number]").textContent);
    return window.turned.size === 12;
}"""

Make = Callable[[str, int], list[tuple[str, bytes]]]


@pytest.fixture(scope="session")
def make_series(real_data: Path) -> Make:
    """DICOM files of a series of so many slices: FLAIR images of the test split's patients, one after another."""
    with (real_data / "scans.csv").open(newline="") as table:
        rows = [row for row in csv.DictReader(table) if row["split"] == "test" and row["path"].endswith("-flair.jpg")]

    def make(name: str, count: int) -> list[tuple[str, bytes]]:
        paths = [real_data / row["path"] for row in rows]
        planes = [np.asarray(Pillow.open(paths[n % len(paths)]).convert("L"), np.uint16) * 8 + n for n in range(count)]
        files = builders.dicom_series(
            count, planes=planes, PatientName=f"{name}^Jane", WindowCenter=900, WindowWidth=1800
        )
        return [(f"IM{n:04}", data) for n, data in enumerate(files)]

    return make


def progress(client: Client, prediction_id: int) -> dict[str, Any]:
    return dict(client.get(f"/api/v1/predictions/{prediction_id}/")[1])


def results(site: Site, prediction: int) -> set[str]:
    rows = f"SliceResult.objects.filter(prediction={prediction})"
    told = f"from diagnosis.models import SliceResult; print(*{rows}.values_list('pk', flat=True))"
    return set(site.manage("shell", "-v", "0", "-c", told).split())


def test_after_a_killed_worker_no_finished_slice_is_analyzed_again(site: Site, make_series: Make) -> None:
    client = Client(site.url, site.token())
    for file in make_series("Gather", SLICES):
        status, receipt = client.upload(file, case="SERIES-1")
        assert (status, len(receipt["scans"])) == (201, 1)
    [scan] = receipt["scans"]
    prediction_id = scan["prediction"]["id"]

    def half() -> set[str] | None:
        return (
            results(site, prediction_id)
            if progress(client, prediction_id)["series"]["progress"] >= SLICES // 4
            else None
        )

    before = wait_for("a quarter of the slices", half, seconds=60)
    workers = sorted(site.find("celery -A brainscan worker") or site.find("worker"))
    os.kill(workers[-1], signal.SIGKILL)
    done = client.wait(prediction_id, seconds=180)
    assert (done["state"], done["series"]["frames"], done["series"]["progress"]) == ("done", SLICES, SLICES), done[
        "error"
    ]
    after = results(site, prediction_id)
    assert before <= after and len(after) == SLICES  # what was known stayed; nothing was said twice
    assert done["outcome"] in ("tumor", "no_tumor") and done["evidence"]["box"]
    status, slices = client.get(f"/api/v1/predictions/{prediction_id}/slices/")
    assert [one["index"] for one in slices] == list(range(SLICES))


def test_a_series_is_canceled_in_the_middle(site: Site, make_series: Make) -> None:
    client = Client(site.url, site.token())
    _, receipt = client.upload(*make_series("Cancel", SLICES), case="SERIES-2")
    prediction_id = receipt["scans"][0]["prediction"]["id"]
    wait_for("the first slices", lambda: progress(client, prediction_id)["series"]["progress"] or None, seconds=60)
    status, canceled = client.post(f"/api/v1/predictions/{prediction_id}/cancel/")
    assert (status, canceled["state"]) == (200, "canceled")
    _, later = client.upload(("after.png", builders.png_bytes(builders.phantom(128, seed=77))), case="SERIES-2B")
    client.wait(later["scans"][0]["prediction"]["id"])  # by the only worker: it has left the series
    read = progress(client, prediction_id)["series"]["progress"]
    assert 0 < read < SLICES
    status, retried = client.post(f"/api/v1/predictions/{prediction_id}/retry/")
    assert status == 202, retried
    done = client.wait(prediction_id, seconds=120)
    assert (done["state"], done["series"]["progress"]) == ("done", SLICES), done["error"]


def test_an_archive_with_others_in_it(site: Site, make_series: Make) -> None:
    client = Client(site.url, site.token())
    files = dict(make_series("Archive", 6)) | {"notes.txt": b"just words", "ct.dcm": _ct()}
    status, receipt = client.upload(("study.zip", builders.zipped(files)), case="SERIES-3")
    assert (status, [scan["files"] for scan in receipt["scans"]]) == (201, [6])
    assert sorted((one["name"], one["code"]) for one in receipt["rejected"]) == [
        ("ct.dcm", "not_mr"),
        ("notes.txt", "text"),
    ]
    done = client.wait(receipt["scans"][0]["prediction"]["id"])
    assert (done["state"], done["series"]["accepted"]) == ("done", 6)


def _ct() -> bytes:
    return builders.dicom_bytes(builders.phantom(64), SOPClassUID="1.2.840.10008.5.1.4.1.1.2", Modality="CT")


def test_a_person_drops_a_series_and_goes_through_it(page: Page, site: Site, make_series: Make, tmp_path: Path) -> None:
    site.clear_uploads()
    folder = tmp_path / "study"
    folder.mkdir()
    for name, data in make_series("Browser", 12):
        (folder / name).write_bytes(data)
    (folder / "DICOMDIR").write_bytes(b"a list of files")
    page.goto("/login/")
    page.get_by_label("User name").or_(page.get_by_label("Username")).fill("admin")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.goto("/upload/")
    page.locator("#id_case").fill("SERIES-4")
    page.locator("#id_folder").set_input_files(str(folder))
    row = page.locator("#uploads > li[data-row]")
    expect(page.locator("#uploads > li")).to_have_count(1, timeout=60_000)
    expect(row).to_contain_text("12 slices", timeout=60_000)
    expect(row).to_contain_text(re.compile("Tumor|Uncertain|No tumor"), timeout=60_000)
    row.get_by_role("link", name="Open").click()

    number, slider = page.locator("[data-part=number]"), page.locator("[data-part=slider]")
    readout = page.locator("[data-part=readout]")
    expect(number).to_contain_text("of 12")
    expect(page.locator("[data-part=strip] rect")).to_have_count(12)
    slider.fill("3")
    expect(number).to_have_text("Slice 3 of 12")
    page.locator("[data-part=stage]").press("ArrowDown")
    expect(number).to_have_text("Slice 4 of 12")
    page.locator("[data-part=stage]").hover()
    page.mouse.wheel(0, 120)
    expect(number).to_have_text("Slice 5 of 12")
    expect(readout).to_have_text("C 900 W 1800")
    page.locator("[data-part=window]").select_option("full")
    expect(readout).not_to_have_text("C 900 W 1800")
    page.locator("[data-part=play]").click()
    wait_for("all slices", lambda: page.evaluate(_ALL_SEEN), seconds=30)
    page.locator("[data-part=play]").click()
