"""The worklist in headless Chromium on the real site, by keyboard: a morning's reading, the way back, and new scans."""

import contextlib
import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.builders import phantom, png_bytes
from tests.verification.client import Client
from tests.verification.services import PASSWORD, Site

SCANS = 20
CASE = "MORNING"
WAITS = 30_000  # milliseconds
RESULT = re.compile(r"/predictions/\d+/")


def upload(site: Site, names: dict[str, int], *, case: str) -> list[int]:
    """Ids of the canceled predictions of made-up images. names: the seed of each image by its name."""
    client = Client(site.url, site.token())
    ids = []
    for name, seed in names.items():
        status, receipt = client.upload((name, png_bytes(phantom(128, seed=seed))), case=case)
        assert status == 201, receipt
        ids.append(receipt["scans"][0]["prediction"]["id"])
    client.post("/api/v1/predictions/bulk/", json.dumps({"action": "cancel", "ids": ids}).encode())
    return ids


@pytest.fixture(scope="module")
def scans(site: Site) -> list[int]:
    return upload(site, {f"morning_{n:02}.png": 900 + n for n in range(SCANS)}, case=CASE)


@pytest.fixture
def reader(page: Page) -> Iterator[Page]:
    page.goto("/login/")
    page.get_by_label("User name").or_(page.get_by_label("Username")).fill("admin")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/history/")
    yield page


def test_a_morning_of_twenty_scans_by_keyboard(reader: Page, scans: list[int]) -> None:
    reader.goto(f"/history/?q={CASE}&sort=when")
    expect(reader.get_by_text(f"0 of {SCANS} read")).to_be_visible()
    for number in range(SCANS):
        _next_unread(reader, f"**/predictions/{scans[number]}/**")
        expect(reader.get_by_text(f"{number} of {SCANS} read")).to_be_visible()
        reader.keyboard.press("2")
        reader.keyboard.press("s")
        expect(reader.get_by_text(f"{number + 1} of {SCANS} read")).to_be_visible(timeout=WAITS)
    expect(reader.get_by_role("link", name="Next unread")).to_have_count(0)
    reader.wait_for_load_state()  # keys do nothing before the page's modules run
    reader.keyboard.press("l")
    reader.wait_for_url("**/history/**")
    expect(reader.get_by_text(f"{SCANS} of {SCANS} read")).to_be_visible()
    expect(reader.locator("td.reading-signed")).to_have_count(SCANS)
    assert reader.evaluate("document.activeElement.closest('tr').dataset.row") == str(scans[-1])


def _next_unread(reader: Page, address: str) -> None:
    """Press the key as a person does: again, if the page did not answer because it was still being drawn."""
    for _ in range(3):
        reader.keyboard.press("u")
        with contextlib.suppress(PlaywrightTimeout):
            reader.wait_for_url(address, timeout=WAITS / 3)
            return
    reader.wait_for_url(address, timeout=WAITS)


def test_the_way_leads_through_the_filtered_list_and_back_to_the_row(reader: Page, scans: list[int]) -> None:
    reader.goto(f"/history/?q={CASE}&sort=-scan")
    for key in ("j", "j", "o"):
        reader.keyboard.press(key)
    reader.wait_for_url(f"**/predictions/{scans[-2]}/**")
    for key, number in (("n", -3), ("j", -4), ("ArrowRight", -5), ("p", -4), ("k", -3)):
        reader.keyboard.press(key)
        reader.wait_for_url(f"**/predictions/{scans[number]}/**")
    reader.keyboard.press("l")
    reader.wait_for_url("**/history/**")
    row = reader.locator("tr.here")
    expect(row).to_have_attribute("data-row", str(scans[-3]))
    expect(row.locator("[data-open]")).to_be_focused()
    expect(row).to_be_in_viewport()
    reader.keyboard.press("o")
    reader.wait_for_url(RESULT)
    reader.go_back()
    reader.wait_for_url("**/history/**")
    expect(reader.locator("tr.here [data-open]")).to_be_focused()


def test_new_scans_come_in_without_moving_the_row_under_the_readers_hand(
    reader: Page, site: Site, scans: list[int]
) -> None:
    reader.clock.install()
    reader.goto(f"/history/?q={CASE}")
    reader.keyboard.press("j")
    row = reader.locator("tr.here")
    before = row.bounding_box()
    [new] = upload(site, {"late.png": 990}, case=CASE)
    reader.clock.run_for(11_000)
    expect(reader.locator(f"tr[data-row='{new}']")).to_have_count(1)
    after = row.bounding_box()
    assert before and after and abs(before["y"] - after["y"]) < 1
    expect(row.locator("[data-open]")).to_be_focused()
    reader.goto(f"/history/?q={CASE}&sort=scan")
    upload(site, {"later.png": 991}, case=CASE)
    reader.clock.run_for(11_000)
    reader.get_by_role("link", name="1 new scan, show").click()
    expect(reader.get_by_role("link", name="later.png")).to_be_visible()


def test_a_range_is_selected_and_assigned(reader: Page, scans: list[int]) -> None:
    reader.goto(f"/history/?q={CASE}&sort=scan")
    reader.keyboard.press("j")
    reader.keyboard.press("x")
    reader.locator("tbody input[name=id]").nth(4).click(modifiers=["Shift"])
    expect(reader.get_by_text("5 selected")).to_be_visible()
    reader.get_by_label("or group").select_option("reader")
    reader.get_by_role("button", name="Apply").click()
    expect(reader.get_by_text("5 scans assigned.")).to_be_visible()
