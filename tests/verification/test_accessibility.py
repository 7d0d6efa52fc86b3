"""Every page passes axe in both themes, on a desk and on a phone, and fits the width at 200 % zoom.

The pages are found from the site's addresses: a new one is looked at, or it has to be named here with a reason.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import URLPattern, URLResolver, get_resolver
from playwright.sync_api import Page

from tests import builders
from tests.verification.client import Client
from tests.verification.services import PASSWORD, Site, wait_for

NO_PAGES = {
    "home": "redirects to the worklist",
    "logout": "takes POST only",
    "scan": "redirects to the newest result",
    "queue": "a part of each page",
    "status": "a part of each page",
    "prediction-slices": "JSON",
    "prediction-similar": "a part of a result's page",
}
"""Addresses that answer GET but are no pages, or have a test of their own; binary files are known by their type."""

ADMIN = ("/admin/", "/admin/diagnosis/prediction/", "/admin/diagnosis/case/", "/admin/auth/user/")
SIZES = {"desk": (1440, 900), "phone": (390, 844)}


@pytest.fixture(scope="module")
def values(site: Site) -> dict[str, int]:
    """Real ids of each kind that an address may ask for."""
    client = Client(site.url, site.token())
    pictures = [(f"axe{n}.png", builders.png_bytes(builders.phantom(256, seed=900 + n))) for n in range(2)]
    _, receipt = client.upload(*pictures, case="AXE-1")
    ids = [scan["prediction"]["id"] for scan in receipt["scans"]]
    for prediction in ids:
        wait_for("a result", lambda prediction=prediction: client.wait(prediction), seconds=60)
    return {
        "prediction_id": ids[0],
        "scan_id": receipt["scans"][0]["id"],
        "other_scan": receipt["scans"][1]["id"],
        "case_id": receipt["case_id"],
    }


def _addresses(values: dict[str, int]) -> dict[str, str]:
    """Path by name of each address that needs no ids but those in `values`."""
    found: dict[str, str] = {}
    for pattern in _patterns(get_resolver("diagnosis.urls").url_patterns):
        if pattern.name in NO_PAGES or not pattern.name:
            continue
        path = "/" + str(pattern.pattern)
        for name, value in values.items():
            path = path.replace(f"<int:{name}>", str(value))
        if "<" not in path:
            found[pattern.name] = path
    return found


def _patterns(entries: list[Any]) -> Iterator[URLPattern]:
    for entry in entries:
        if isinstance(entry, URLResolver):
            yield from _patterns(entry.url_patterns)
        else:
            yield entry


def _log_in(page: Page) -> None:
    page.goto("/login/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", PASSWORD)
    page.click("main button")
    page.wait_for_url("**/history/")


def _pages(page: Page, values: dict[str, int]) -> list[str]:
    """The addresses that answer GET with a whole page, as a browser would show it."""
    whole = []
    compared = f"/cases/{values['case_id']}/compare/?a={values['scan_id']}"
    for path in (*_addresses(values).values(), "/api/docs/", compared, *ADMIN):
        answer = page.request.get(path, max_redirects=0)
        if answer.status == 200 and "html" in answer.headers["content-type"] and "<html" in answer.text():
            whole.append(path)
    assert len(whole) > 12
    return whole


def _violations(page: Page, path: str) -> list[str]:
    """Rules that a page breaks. Django's own admin is held to WCAG, our pages to axe's best practices, too."""
    options = (
        {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]} if path.startswith("/admin/") else None
    )
    page.evaluate("document.querySelectorAll('main details').forEach(part => { part.open = true })")
    found = Axe().run(page, options=options).response["violations"]
    return [f"{rule['id']}: {node['html'][:160]}" for rule in found for node in rule["nodes"]]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_every_page_passes_axe(page: Page, values: dict[str, int], size: str, theme: str) -> None:
    page.set_viewport_size(dict(zip(("width", "height"), SIZES[size], strict=True)))  # type: ignore[arg-type]
    page.add_init_script(f"localStorage.setItem('theme', '{theme}')")
    page.goto("/login/")
    wrong = {"/login/": _violations(page, "/login/")}
    _log_in(page)
    for path in _pages(page, values):
        page.goto(path)
        wrong[path] = _violations(page, path)
    assert {path: found for path, found in wrong.items() if found} == {}


def test_every_page_fits_at_twice_the_size(page: Page, values: dict[str, int]) -> None:
    """A window of 1440 pixels at 200 % is 720 wide; wide tables scroll in a box of their own."""
    page.set_viewport_size({"width": 720, "height": 450})
    _log_in(page)
    wide = {}
    for path in (path for path in _pages(page, values) if not path.startswith("/admin/")):
        page.goto(path)
        if (width := page.evaluate("document.documentElement.scrollWidth")) > 720:
            wide[path] = width
    assert wide == {}
