"""People who click twice before the first click is answered: the form is sent once."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from tests.verification.services import PASSWORD, Site
from tests.verification.test_reading import log_in
from tests.verification.test_worklist import upload
from tests.verification.uploading import wait_until


@pytest.fixture
def reader(page: Page) -> Iterator[Page]:
    log_in(page, "admin")
    yield page


def click_twice(page: Page, name: str) -> None:
    """Clicks a button a second time while the first request is held back, which then goes on."""
    held: list[Route] = []
    page.route("**/*", lambda route: held.append(route) if route.request.method == "POST" else route.continue_())
    page.get_by_role("button", name=name).focus()
    page.keyboard.press("Enter")  # a click, for which Playwright would wait until the page has gone
    wait_until(page, "the form sent", lambda: len(held) == 1)
    page.keyboard.press("Enter")
    page.wait_for_timeout(500)
    assert len(held) == 1
    held[0].continue_()


def test_a_login(page: Page) -> None:
    page.goto("/login/")
    page.get_by_label("User name").or_(page.get_by_label("Username")).fill("admin")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    click_twice(page, "Log in")
    expect(page.get_by_role("heading", name="Worklist")).to_be_visible()


def test_a_token_is_shown(reader: Page) -> None:
    """A second request would be refused, because the name is taken, and its answer would hide the key."""
    reader.goto("/tokens/")
    reader.get_by_label("What it is for").fill("twice")
    click_twice(reader, "Create token")
    expect(reader.get_by_label("Copy it now. It is shown only once.")).to_be_visible()


def test_what_leaves_the_page_open_can_be_asked_for_again(reader: Page, site: Site) -> None:
    [number] = upload(site, {"twice.png": 6200}, case="TWICE")
    reader.goto("/history/?q=TWICE")
    reader.locator(f"tr[data-row='{number}'] input[name=id]").check()
    reader.get_by_label("What to do with the selected scans").select_option("export-csv")
    for _ in range(2):
        with reader.expect_download():
            reader.get_by_role("button", name="Apply").click()
