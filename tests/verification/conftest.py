"""The site that most verification tests share, and the real scans that they show it."""

import csv
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.verification import security, services
from tests.verification.services import PASSWORD, Site, running_site
from tests.verification.uploading import log_in

FIRST = ("browser_journey", "api_journey", "known_images", "series_model", "upload_journey")
"""Files that run before all others where VERIFY_UNTIL limits the time: the journeys and the real images. None of their
tests takes long, so that what begins just before the limit ends soon after it."""
_RANK = {name: rank for rank, name in enumerate(FIRST)}
CLERKS = 20
_BURST = 15_000  # milliseconds that a click may take to show its effect
expect.set_options(timeout=_BURST)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("verification")
    if "VERIFY_UNTIL" in os.environ:
        items.sort(key=lambda item: _RANK.get(item.path.stem.removeprefix("test_"), len(FIRST)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what would begin after VERIFY_UNTIL, a Unix time, before its servers start."""
    if item.get_closest_marker("verification") and time.time() > float(os.environ.get("VERIFY_UNTIL", "inf")):
        pytest.skip("no time is left; `make verify` without VERIFY_UNTIL runs it")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site on its embedded defaults, started in an empty folder, with the shipped model loaded."""
    with running_site(tmp_path_factory.mktemp("embedded") / "data", fresh=True, TASK_TIME_LIMIT="20") as running:
        yield running


@pytest.fixture(scope="session")
def real_scans(real_data: Path) -> dict[str, list[Path]]:
    """Test-split scans by label, one from each patient or cluster, spread over the sources."""
    found: dict[str, list[Path]] = {"tumor": [], "no_tumor": []}
    groups: set[str] = set()
    with (real_data / "scans.csv").open(newline="") as table:
        for row in csv.DictReader(table):
            if row["split"] == "test" and row["label"] in found and row["group"] not in groups:
                groups.add(row["group"])
                found[row["label"]].append(real_data / row["path"])
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium for the tests of a file; its windows share nothing. Not for all files: while Playwright runs, Django
    refuses tests its database, as it takes them for asynchronous code."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=services.chromium(), args=services.CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(site: Site, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A browser window. What it loads from elsewhere, logs as an error, or does against the Content-Security-Policy
    fails the test at its end."""
    foreign: list[str] = []
    errors: list[str] = []
    window = browser.new_page(viewport={"width": 1440, "height": 900}, base_url=site.url)
    window.set_default_timeout(_BURST)
    window.on("request", lambda r: foreign.append(r.url) if not _ours(r.url, site.url) else None)
    window.on("pageerror", lambda e: errors.append(str(e)))
    refused = refused_by_policy(window)
    opened: list[str] = []
    window.on("framenavigated", lambda frame: opened.append(frame.url))
    yield window
    window.context.close()
    security.note("policy", test=request.node.nodeid, tried=len(opened), through=len(foreign) + len(refused))
    assert foreign == []
    assert errors == []
    assert refused == []


def refused_by_policy(window: Page) -> list[str]:
    """What the Content-Security-Policy refuses in the window from now on, in the browser's words."""
    refused: list[str] = []
    window.on("console", lambda said: refused.append(said.text) if "Content Security Policy" in said.text else None)
    return refused


def _ours(url: str, base: str) -> bool:
    by_name = base.replace("127.0.0.1", "localhost")  # as the tests of passkeys call it
    return url.startswith((base, by_name, "data:", "blob:"))


@pytest.fixture(scope="module")
def clerks(site: Site) -> Iterator[str]:
    """Users with an empty upload list, one per test: a single process makes them all."""
    names = [f"clerk-{uuid.uuid4().hex[:8]}" for _ in range(CLERKS)]
    made = f"[User.objects.create_user(name, '', {PASSWORD!r}) for name in {names!r}]"
    site.manage("shell", "-c", f"from django.contrib.auth.models import User; {made}")
    return iter(names)


@pytest.fixture
def clerk(clerks: Iterator[str], page: Page) -> str:
    """A person with an empty list, logged in; the name."""
    name = next(clerks)
    page.goto("/upload/")
    log_in(page, name)
    # What a test routes while a page is on its way does not hold for that page.
    expect(page.get_by_role("heading", name="Upload", exact=True)).to_be_visible()
    return name
