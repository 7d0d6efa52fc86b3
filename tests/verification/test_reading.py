"""Reading as readers do it, by keyboard in headless Chromium: blind first, reveal, sign; disagree, adjudicate."""

import io
import re
from pathlib import Path

from django.utils import timezone
from playwright.sync_api import Page, expect
from pypdf import PdfReader

from tests.verification.client import Client
from tests.verification.services import PASSWORD, Site

READERS = ("rosa", "sven", "tove")

MAKE_READERS = f"""
from django.contrib.auth.models import Group, User
from diagnosis.models import ReadingPolicy
study, _ = Group.objects.get_or_create(name="blind study")
ReadingPolicy.objects.get_or_create(group=study, defaults={{"mode": "blind_first"}})
for name in {READERS!r}:
    person, made = User.objects.get_or_create(username=name)
    person.set_password({PASSWORD!r})
    person.save()
    person.groups.set([Group.objects.get(name="reader"), *([study] if name == "rosa" else [])])
"""

CALL_IT_TUMOR = """
from diagnosis.models import Prediction
Prediction.objects.filter(case_reference="READ-2").update(outcome="tumor", uncertain=False, tumor_probability=0.97)
"""


def log_in(page: Page, name: str) -> None:
    page.goto("about:blank")  # or a script of the page before would go to the login by itself
    page.context.clear_cookies()
    page.goto("/login/")
    page.get_by_label("User name").or_(page.get_by_label("Username")).fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Worklist")).to_be_visible()


def uploaded(site: Site, scan: Path, *, case: str) -> str:
    """The address of a scan's result, once there is one."""
    site.manage("shell", "-c", MAKE_READERS)
    client = Client(site.url, site.token())
    _, receipt = client.upload((scan.name, scan.read_bytes()), case=case)
    prediction = receipt["scans"][0]["prediction"]["id"]
    client.wait(prediction)
    return f"/predictions/{prediction}/"


def test_blind_first_then_reveal_then_sign(page: Page, site: Site, real_scans: dict[str, list[Path]]) -> None:
    address = uploaded(site, real_scans["tumor"][30], case="READ-1")
    log_in(page, "rosa")
    page.goto("/history/?q=READ-1")
    expect(page.locator("table tbody tr")).to_contain_text("Not read yet")
    page.goto(address)
    expect(page.get_by_role("heading", name="Read it first")).to_be_visible()
    assert page.request.get(f"{address}heatmap/").status == 404
    page.keyboard.press("1")
    page.keyboard.press("e")
    page.keyboard.type("Left, near the midline.")
    page.keyboard.press("Tab")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("s")
    expect(page.locator("main h1")).to_have_text(re.compile("Tumor|No tumor|Uncertain"))
    expect(page.locator("#review")).to_contain_text("read blind")
    expect(page.locator("#review")).to_contain_text("Left, near the midline.")
    page.wait_for_load_state()  # keys do nothing before the page's modules run
    page.keyboard.press("s")
    expect(page.locator("#review .reading").first).to_contain_text("signed just now")
    _prints_whose_it_is(page, "READ-1", real_scans["tumor"][30].name, "rosa")


def _prints_whose_it_is(page: Page, *words: str) -> None:
    """Each page on paper can be filed: it names case, scan, reader and day, and has its number."""
    pages = [sheet.extract_text() for sheet in PdfReader(io.BytesIO(page.pdf(format="A4"))).pages]
    for number, text in enumerate(pages, start=1):
        for word in (*words, f"{timezone.now():%Y-%m-%d}", f"page {number} of {len(pages)}", "not a diagnosis"):
            assert word in text, (number, word, text)
    assert "Left, near the midline." in "".join(pages)


def test_two_disagree_and_a_third_decides(page: Page, site: Site, real_scans: dict[str, list[Path]]) -> None:
    """One agrees with the model by one key; another, who does not know what it says, finds no tumor."""
    address = uploaded(site, real_scans["tumor"][31], case="READ-2")
    site.manage("shell", "-c", CALL_IT_TUMOR)
    for name, keys in (("sven", "a"), ("rosa", "2s")):
        log_in(page, name)
        page.goto(address)
        page.wait_for_load_state()
        for key in keys:
            page.keyboard.press(key)
        expect(page.locator("#review .reading").first).to_contain_text(
            "signed just now" if name == "sven" else "committed"
        )
    page.wait_for_load_state()
    page.keyboard.press("s")
    expect(page.locator("#review")).to_contain_text("The signed readings disagree.")
    log_in(page, "tove")
    page.goto("/history/?reading=disagreement&q=READ-2")
    page.locator("table tbody tr").get_by_role("link", name=real_scans["tumor"][31].name).click()
    expect(page.get_by_role("heading", name="Your reading decides")).to_be_visible()
    page.wait_for_load_state()  # keys do nothing before the page's modules run
    page.keyboard.press("1")
    page.keyboard.press("s")
    expect(page.locator("#review .reading").first).to_contain_text("Final")
    expect(page.locator("#review .reading").first).to_contain_text("adjudicator")
