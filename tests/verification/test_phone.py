"""On a phone the outcome, a list's first row and a case's first scan are on the first screen, before any scrolling."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.verification.results import CASE, KINDS, one_of_each
from tests.verification.services import Site
from tests.verification.test_accessibility import violations
from tests.verification.test_reading import MAKE_READERS, log_in

PHONE = {"width": 390, "height": 844}
SAID = {
    "tumor": ("Tumor likely", "94 %", "about 94 show a tumor"),
    "uncertain": ("Uncertain", "48 %", "about 48 show a tumor"),
    "no_tumor": ("No tumor seen", "4 %", "about 4 show a tumor"),
    "refused": ("Not judged", "does not look like a brain MRI"),
    "failed": ("Analysis failed", "took too long"),
    "canceled": ("Canceled", "canceled before it had a result"),
    "waiting": ("In progress", "Waiting"),
    "running": ("In progress", "Running"),
    "series": ("Tumor likely", "97 %", "about 97 show a tumor"),
}
"""What the first screen of each kind of result says."""

PLACE = """node => {
  const box = node.getBoundingClientRect();
  return {scrolled: scrollY, left: box.left, top: box.top, right: box.right, bottom: box.bottom, height: box.height};
}"""


@pytest.fixture(scope="module")
def results(site: Site) -> dict[str, int]:
    site.manage("shell", "-c", MAKE_READERS)
    return one_of_each(site)


@pytest.fixture
def phone(page: Page) -> Iterator[Page]:
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    log_in(page, "admin")
    yield page


def on_first_screen(page: Page, selector: str) -> None:
    """The whole of the first such element is on the first screen, and the page is no wider than that."""
    place = page.locator(selector).first.evaluate(PLACE)
    assert place["scrolled"] == 0 and place["height"] > 0, (selector, place)
    assert place["left"] >= 0 and place["right"] <= PHONE["width"], (selector, place)
    assert place["top"] >= 0 and place["bottom"] <= PHONE["height"], (selector, place)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_each_kind_of_outcome(phone: Page, results: dict[str, int]) -> None:
    """They pass axe, too, every second one in the dark."""
    assert set(SAID) == set(KINDS)
    for number, (kind, words) in enumerate(SAID.items()):
        phone.emulate_media(color_scheme=("light", "dark")[number % 2])
        phone.goto(f"/predictions/{results[kind]}/?list=q%3D{CASE}")  # from the worklist it has the most buttons
        for word in words:
            expect(phone.locator(".result-outcome")).to_contain_text(word)
        on_first_screen(phone, ".result-outcome")
        image = phone.locator("[data-part=stage]").evaluate(PLACE)
        assert image["top"] + image["height"] / 2 < PHONE["height"], (kind, image)  # most of it is in view
        assert violations(phone) == [], kind


def test_what_a_blind_reader_is_told(page: Page, results: dict[str, int]) -> None:
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    log_in(page, "rosa")
    page.goto(f"/predictions/{results['tumor']}/")
    expect(page.locator(".result-outcome")).to_contain_text("You read blind first")
    on_first_screen(page, ".result-outcome")
    assert violations(page) == []


@pytest.mark.parametrize(
    "address", ["/history/", f"/history/?q={CASE}&outcome=tumor&reading=unread&sort=score", "/cases/"]
)
def test_the_first_row_of_a_list(phone: Page, results: dict[str, int], address: str) -> None:
    phone.goto(address)
    on_first_screen(phone, "table tbody tr")


def test_the_first_row_without_javascript(phone: Page, results: dict[str, int], site: Site) -> None:
    browser = phone.context.browser
    assert isinstance(browser, Browser)
    plain = browser.new_context(
        viewport=PHONE,  # type: ignore[arg-type]
        base_url=site.url,
        java_script_enabled=False,
        storage_state=phone.context.storage_state(),
    ).new_page()
    plain.goto("/history/")
    row = plain.locator("table tbody tr").first.bounding_box()
    assert row and row["y"] + row["height"] <= PHONE["height"]


def test_the_first_scan_of_a_case(phone: Page, results: dict[str, int]) -> None:
    phone.goto(f"/predictions/{results['tumor']}/")
    phone.locator(".crumbs").get_by_role("link", name=CASE).click()
    on_first_screen(phone, ".card")


def test_on_a_desk_the_image_stands_beside_the_outcome(page: Page, results: dict[str, int]) -> None:
    log_in(page, "admin")
    page.goto(f"/predictions/{results['tumor']}/")
    image, said = (page.locator(each).evaluate(PLACE) for each in (".viewer", ".result-outcome"))
    assert image["right"] <= said["left"] and image["top"] == said["top"]
    assert image["bottom"] <= 900 and image["right"] - image["left"] > 900
