"""Worklist and result page beside what happens meanwhile: rows that are replaced, Back, a slow site, keys held down."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from tests.verification import results
from tests.verification.services import Site
from tests.verification.test_reading import log_in
from tests.verification.test_worklist import upload
from tests.verification.uploading import wait_until

CASE = "MEANWHILE"


@pytest.fixture(scope="module")
def scans(site: Site) -> list[int]:
    """Canceled runs."""
    ids = upload(site, {f"desk_{n}.png": 6000 + n for n in range(6)}, case=CASE)
    results.cancel(site, ids)
    return ids


@pytest.fixture
def reader(page: Page) -> Iterator[Page]:
    log_in(page, "admin")
    yield page


def picked(page: Page) -> list[str]:
    boxes = page.locator("tbody input[name=id]:checked")
    values: list[str] = boxes.evaluate_all("boxes => boxes.map((box) => box.value)")
    return values


def test_a_row_that_is_replaced_stays_selected(reader: Page, scans: list[int]) -> None:
    reader.goto(f"/history/?q={CASE}&sort=scan")
    for number in (0, 1):
        reader.locator("tbody input[name=id]").nth(number).check()
    row = reader.locator(f"tr[data-row='{scans[0]}']")
    row.get_by_role("button", name="Retry").click()
    expect(row.get_by_role("button", name="Retry")).to_have_count(0)
    expect(reader.get_by_text("2 selected")).to_be_visible()
    assert picked(reader) == [str(scans[0]), str(scans[1])]


def test_coming_back_selects_no_other_row(reader: Page, site: Site, scans: list[int]) -> None:
    reader.goto(f"/history/?q={CASE}")
    box = reader.locator("tbody input[name=id]").first
    box.check()
    chosen = box.input_value()
    reader.locator(f"tr[data-row='{chosen}'] [data-open]").click()
    reader.wait_for_url("**/predictions/**")
    upload(site, {"desk_new.png": 6100}, case=CASE)
    reader.go_back()
    reader.wait_for_url("**/history/**")
    reader.wait_for_timeout(500)
    assert picked(reader) in ([], [chosen])
    shown = reader.locator("[data-part=picked]").text_content()
    assert shown == (f"{len(picked(reader))} selected" if picked(reader) else "")


def reviews_sent(page: Page) -> list[str]:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    return sent


@pytest.mark.parametrize("by_mouse", [False, True])
def test_keys_typed_ahead_of_the_next_scan_do_not_sign_the_last(reader: Page, scans: list[int], by_mouse: bool) -> None:
    held: list[Route] = []
    reader.goto(f"/predictions/{scans[2]}/?list=q%3D{CASE}%26sort%3Dscan")
    sent = reviews_sent(reader)
    reader.route(re.compile(rf"/predictions/{scans[3]}/"), lambda route: held.append(route))
    if by_mouse:
        reader.get_by_role("link", name="Next", exact=True).click(no_wait_after=True)
    else:
        reader.keyboard.press("n")
    wait_until(reader, "the next scan asked for", lambda: len(held) == 1)
    for key in ("2", "s"):
        reader.keyboard.press(key)
    reader.wait_for_timeout(300)
    assert sent == []
    held[0].continue_()
    reader.wait_for_url(f"**/predictions/{scans[3]}/**")


def test_a_key_held_down_since_another_page_signs_nothing(reader: Page, scans: list[int]) -> None:
    sent = reviews_sent(reader)
    reader.goto("/history/")
    reader.keyboard.down("s")
    reader.goto(f"/predictions/{scans[4]}/")
    reader.get_by_label("No tumor").check()
    reader.keyboard.down("s")
    reader.wait_for_timeout(500)
    reader.keyboard.up("s")
    assert sent == []


def test_a_result_that_does_not_load_at_once_comes_later_and_keeps_the_list(reader: Page, scans: list[int]) -> None:
    failed: list[str] = []

    def fail_once(route: Route) -> None:
        if "HX-Request" in {name.title().replace("Hx", "HX") for name in route.request.headers} and not failed:
            failed.append(route.request.url)
            route.fulfill(status=503, body="")
        else:
            route.continue_()

    reader.route(re.compile(rf"/predictions/{scans[5]}/(\?|$)"), fail_once)
    reader.goto(f"/predictions/{scans[5]}/?list=q%3D{CASE}")
    reader.get_by_role("button", name="Retry").click()
    wait_until(reader, "a result that failed to load", lambda: bool(failed))
    expect(reader.locator("#review [name=list]").first).to_have_value(f"q={CASE}", timeout=20_000)


def test_an_amendment_that_is_typed_outlives_the_arrival_of_a_result(reader: Page, scans: list[int]) -> None:
    held: list[Route] = []
    reader.goto(f"/predictions/{scans[1]}/")
    reader.get_by_label("No tumor").check()
    reader.get_by_role("button", name="Sign").click()
    expect(reader.locator("#review .reading").first).to_contain_text("signed just now")
    reader.route("**/status/?*", lambda route: held.append(route))
    reader.get_by_role("button", name="Retry").click()
    expect(reader.get_by_role("heading", name="In progress")).to_be_visible()
    reader.locator("summary").filter(has_text="Amend").click()
    reader.get_by_label("Tumor", exact=False).first.check()
    reader.get_by_label("Comment").fill("Seen again.")
    reader.get_by_label("Why").fill("I had missed it.")
    reader.get_by_label("Comment").focus()
    reader.keyboard.press("End")
    wait_until(reader, "a status asked for", lambda: bool(held))
    reader.unroute("**/status/?*")  # which lets it go on
    expect(reader.get_by_role("heading", name="In progress")).to_have_count(0, timeout=30_000)
    expect(reader.get_by_label("Why")).to_have_value("I had missed it.")
    expect(reader.get_by_label("Comment")).to_have_value("Seen again.")
    expect(reader.get_by_label("Tumor", exact=False).first).to_be_checked()
    reader.keyboard.type(" Small.")  # whose letters are shortcuts where no field has the focus
    expect(reader.get_by_label("Comment")).to_have_value("Seen again. Small.")


def test_a_button_of_a_row_that_the_site_refuses_says_so(reader: Page, scans: list[int]) -> None:
    """As after a login in another tab, which makes the page's token old."""
    reader.route("**/retry/", lambda route: route.fulfill(status=403, body="no"))
    reader.goto(f"/history/?q={CASE}&sort=scan")
    reader.get_by_role("button", name="Retry").first.click()
    expect(reader.locator(".toast-error")).to_contain_text("The site did not confirm that.")
