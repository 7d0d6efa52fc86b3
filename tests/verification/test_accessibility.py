"""Every page passes axe in both themes, on a desk and on a phone, and fits the width at 200 % zoom.

The pages are found from the site's addresses: a new one is looked at, or it has to be named here with a reason.
"""

import json
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import URLPattern, URLResolver, get_resolver
from playwright.sync_api import Browser, Page

from tests import builders
from tests.verification.client import Client
from tests.verification.services import PASSWORD, Site, wait_for

NO_PAGES = {
    "home": "redirects to the worklist",
    "login-code": "redirects to the login page until a password was right",
    "logout": "takes POST only",
    "scan": "redirects to the newest result",
    "queue": "a part of each page",
    "status": "a part of each page",
    "prediction-slices": "JSON",
}
"""Addresses that answer GET but are no pages, or have a test of their own; binary files are known by their type."""

ROWS = """
from django.contrib.auth.models import Group, User
from diagnosis.models import LoginFailures, Passkey, ReadingPolicy, SecondFactor, StorageQuota
reader = Group.objects.get(name="reader")
ReadingPolicy.objects.get_or_create(group=reader, defaults={"mode": "open"})
StorageQuota.objects.get_or_create(user=User.objects.get(username="admin"), defaults={"megabytes": 1000})
careful, _ = User.objects.get_or_create(username="careful")
factor, _ = SecondFactor.objects.get_or_create(user=careful, defaults={"seed": "00", "last_step": 0})
Passkey.objects.get_or_create(factor=factor, name="Laptop", defaults={"host": "localhost", "credential_id": "aWQ"})
LoginFailures.objects.get_or_create(failure_kind="account", key="nobody", defaults={"failures": 3})
"""
"""What the administration lists and no address of the API makes."""

AXE = {"rules": {"target-size": {"enabled": True}}, "preload": False, "resultTypes": ["violations"]}
"""axe leaves out what is new in WCAG 2.2, unless it is asked. Preloading would write styles, which the site's policy
refuses; no rule that is on needs it."""

COLORS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}} | {
    key: AXE[key] for key in ("preload", "resultTypes")
}
"""The rules that colors can break. The others look at markup and layout, which are the same in both themes."""

LEFT_TO_DJANGO = {
    "aria-prohibited-attr": "an icon in a two-box selector, written by Django's script; its field has a label",
    "label-title-only": "the search field of a list; its label is an image with an alternative text",
}
"""Rules that Django's own templates and scripts break, and why they stay."""

ROW_PAGES = ("change", "history", "delete", "password", "remove")
"""Not each model has each of them."""

SAME_FOR_ALL = ("history", "delete")
"""Pages of a row that have one template and no fields of their model. Of each three are looked at."""

SIZES = {"desk": (1440, 900), "phone": (390, 844)}
ALL_RULES = {("desk", "light"), ("phone", "dark")}
"""Each size and each theme once. The other two pairs are asked for colors, and leave out the administration, whose many
pages take most of the time."""


@pytest.fixture(scope="module")
def values(site: Site) -> dict[str, int]:
    """Real ids of each kind that an address may ask for."""
    client = Client(site.url, site.token())
    images = [(f"axe{n}.png", builders.png_bytes(builders.phantom(256, seed=900 + n))) for n in range(2)]
    _, receipt = client.upload(*images, case="AXE-1")
    ids = [scan["prediction"]["id"] for scan in receipt["scans"]]
    for prediction in ids:
        wait_for("a result", partial(client.wait, prediction), seconds=60)
    _rows_of_the_administration(site, client, prediction=ids[0], case=receipt["case_id"])
    return {
        "prediction_id": ids[0],
        "scan_id": receipt["scans"][0]["id"],
        "other_scan": receipt["scans"][1]["id"],
        "case_id": receipt["case_id"],
    }


def _rows_of_the_administration(site: Site, client: Client, *, prediction: int, case: int) -> None:
    """One of everything that the administration lists, so that each page of a row can be looked at."""
    site.manage("shell", "-c", ROWS)
    for path, body in {
        "reviews/": {"prediction": prediction, "state": "signed", "finding": "no_tumor"},
        "views/": {"name": "Tumors", "query": "outcome=tumor"},
        "assignments/": {"case_id": case, "group": "reader"},
    }.items():
        client.post(f"/api/v1/{path}", json.dumps(body).encode())  # those of an earlier run are there already


def _administration(page: Page) -> list[str]:
    """Of each model the list, the form to add one, and the pages of its first row; of the site the first page."""
    found = ["/admin/"]
    for listing in sorted(set(re.findall(r'href="(/admin/\w+/\w+/)"', page.request.get("/admin/").text()))):
        row = re.search(rf'href="({listing}[^"/]+)/change/[^"]*"', page.request.get(listing).text())
        assert row, f"{listing} has no row to look at"
        found += [listing, f"{listing}add/", *(f"{row[1]}/{part}/" for part in ROW_PAGES)]
    alike = [[path for path in found if path.endswith(f"/{part}/")] for part in SAME_FOR_ALL]
    return [path for path in found if not any(path in pages[3:] for pages in alike)]


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


@pytest.fixture(scope="module")
def pages(site: Site, browser: Browser, values: dict[str, int]) -> list[str]:
    """The addresses that answer GET with a whole page, as a browser would show it."""
    page = browser.new_page(base_url=site.url)
    _log_in(page)
    whole = []
    compared = f"/cases/{values['case_id']}/compare/?a={values['scan_id']}"
    for path in (*_addresses(values).values(), "/api/docs/", compared, *_administration(page)):
        answer = page.request.get(path, max_redirects=0)
        assert not path.endswith("/change/") or answer.status == 200, path
        if answer.status == 200 and "html" in answer.headers["content-type"] and "<html" in answer.text():
            whole.append(path)
    page.context.close()
    return whole


def _without_administration(pages: list[str]) -> list[str]:
    found = [path for path in pages if not path.startswith("/admin/")]
    assert 12 < len(found) < len(pages)
    return found


def violations(page: Page, path: str = "", *, options: dict[str, Any] = AXE) -> list[str]:
    """Rules that a page breaks, with all that folds open: WCAG and axe's best practices."""
    page.evaluate("document.querySelectorAll('main details:not(.menu)').forEach(part => { part.open = true })")
    found = Axe().run(page, options=options).response["violations"]
    left = LEFT_TO_DJANGO if path.startswith("/admin/") else {}
    return [f"{rule['id']}: {node['html'][:160]}" for rule in found if rule["id"] not in left for node in rule["nodes"]]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_every_page_passes_axe(page: Page, pages: list[str], size: str, theme: str) -> None:
    page.set_viewport_size(dict(zip(("width", "height"), SIZES[size], strict=True)))  # type: ignore[arg-type]
    page.add_init_script(f"localStorage.setItem('theme', '{theme}')")
    page.goto("/login/")
    wrong = {"/login/": violations(page, "/login/")}
    _log_in(page)
    whole = (size, theme) in ALL_RULES
    for path in pages if whole else _without_administration(pages):
        page.goto(path)
        wrong[path] = violations(page, path, options=AXE if whole else COLORS)
    assert not any(wrong.values()), "\n".join(f"{path}: {one}" for path, found in wrong.items() for one in found)


def test_every_page_fits_at_twice_the_size(page: Page, pages: list[str]) -> None:
    """A window of 1440 pixels at 200 % is 720 wide; wide tables scroll in a box of their own."""
    page.set_viewport_size({"width": 720, "height": 450})
    _log_in(page)
    wide = {}
    for path in _without_administration(pages):
        page.goto(path)
        if (width := page.evaluate("document.documentElement.scrollWidth")) > 720:
            wide[path] = width
    assert wide == {}
