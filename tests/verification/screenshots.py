"""Pictures of every page in both themes, on a desk and on a phone, for a look before a release.

    python -m tests.verification.screenshots http://127.0.0.1:8000 folder USERNAME PASSWORD

Needs a running site with a few scans in it. It looks for one result of each kind in the worklist and shoots what it
finds; nothing is changed on the site.
"""

import os
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SIZES = {"desk": (1440, 900), "phone": (390, 844)}
THEMES = ("light", "dark")

PAGES = {
    "worklist": "/history/",
    "worklist-no-match": "/history/?q=nothing-is-called-this",
    "upload": "/upload/",
    "cases": "/cases/",
    "trash": "/trash/",
    "password": "/password/",
    "not-found": "/no-such-page/",
}

RESULTS = {
    "result-tumor": "outcome=tumor&uncertain=false",
    "result-uncertain": "uncertain=true",
    "result-no-tumor": "outcome=no_tumor&uncertain=false",
    "result-refused": "outcome=refused",
    "result-failed": "state=failed",
    "result-waiting": "state=queued",
}


def shoot(base_url: str, folder: Path, *, username: str, password: str) -> list[Path]:
    """Log in and shoot every page in every size and theme. Returns the files written."""
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        for size, (width, height) in SIZES.items():
            for theme in THEMES:
                context = browser.new_context(viewport={"width": width, "height": height}, base_url=base_url)
                context.add_init_script(f"localStorage.setItem('theme', '{theme}')")
                page = context.new_page()
                page.goto("/login/")
                written.append(_picture(page, folder / f"login-{size}-{theme}.png"))
                _log_in(page, username, password)
                for name, path in _addresses(page).items():
                    page.goto(path)
                    page.wait_for_timeout(400)
                    written.append(_picture(page, folder / f"{name}-{size}-{theme}.png"))
                context.close()
        browser.close()
    return written


def _log_in(page: Page, username: str, password: str) -> None:
    page.fill("#id_username", username)
    page.fill("#id_password", password)
    page.click("main button")
    page.wait_for_url("**/history/")


def _addresses(page: Page) -> dict[str, str]:
    """All pages there are to shoot: the fixed ones, one case, and one result of each kind that exists."""
    found = dict(PAGES)
    for name, query in RESULTS.items():
        page.goto(f"/history/?{query}")
        if address := _first(page, "tr[data-row] [data-open]"):
            found[name] = address
    page.goto("/cases/")
    if address := _first(page, "tr[data-row] [data-open]"):
        found["case"] = address
    return found


def _first(page: Page, selector: str) -> str | None:
    link: Any = page.query_selector(selector)
    return str(link.get_attribute("href")) if link else None


def _picture(page: Page, file: Path) -> Path:
    page.screenshot(path=str(file))
    return file


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    files = shoot(sys.argv[1], Path(sys.argv[2]), username=sys.argv[3], password=sys.argv[4])
    print(f"{len(files)} pictures in {sys.argv[2]}")
