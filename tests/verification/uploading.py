"""What tests of the upload page share."""

import json
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests import builders
from tests.verification.services import PASSWORD, Site, wait_for


def images(folder: Path, count: int, *, first: int) -> list[Path]:
    paths = [folder / f"scan_{number:02}.png" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(builders.png_bytes(builders.phantom(160, seed=first + number)))
    return paths


def log_in(page: Page, name: str) -> None:
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def end_sessions(site: Site) -> None:
    site.manage("shell", "-c", "from django.contrib.sessions.models import Session; Session.objects.all().delete()")


def uploaded(site: Site, name: str) -> list[list[str]]:
    """Case and name of each scan of a person, as the database has them."""
    query = (
        "import json; from diagnosis.models import Scan; "
        f"print(json.dumps(sorted(map(list, Scan.objects.filter(case__owner__username={name!r})"
        ".values_list('case__reference', 'name')))))"
    )
    return list(json.loads(site.manage("shell", "-v", "0", "-c", query)))


def rows(page: Page, state: str = "") -> Locator:
    return page.locator(f"#uploads > li[data-state='{state}']" if state else "#uploads > li")


def log_in_again(page: Page, name: str) -> None:
    with page.context.expect_page() as opened:
        page.locator("#logged-out").get_by_role("link", name="Log in, in a new tab").click()
    log_in(opened.value, name)
    expect(opened.value.get_by_role("heading", name="You are logged in")).to_be_visible()
    page.bring_to_front()


def wait_until(page: Page, what: str, probe: Callable[[], bool]) -> None:
    """Routes are called while the page waits, not while the test sleeps."""

    def look() -> bool:
        page.wait_for_timeout(50)
        return probe()

    wait_for(what, look, seconds=20)


def second_tab(page: Page) -> Page:
    with page.expect_popup() as opened:
        page.evaluate("window.open('/upload/')")
    return opened.value
