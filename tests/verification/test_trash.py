"""Delete a case, take it out of the trash, and purge it after its time, in headless Chromium on the real site."""

import re

from playwright.sync_api import Page, expect

from tests import builders
from tests.verification.client import Client
from tests.verification.services import PASSWORD, Site

_OLD = """
from datetime import timedelta
from django.utils import timezone
from diagnosis.models import Case
Case.objects.filter(reference="TRASH-1").update(deleted=timezone.now() - timedelta(days=31))
"""


def test_delete_undelete_and_purge_a_case(page: Page, site: Site) -> None:
    client = Client(site.url, site.token())
    images = [(f"slice_{n}.png", builders.png_bytes(builders.phantom(128, seed=900 + n))) for n in range(2)]
    _, receipt = client.upload(*images, case="TRASH-1")
    stored = _files(site)
    page.goto("/login/")
    page.locator("#id_username").fill("admin")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()

    page.goto(f"/cases/{receipt['case_id']}/")
    page.get_by_label("Add a note").fill("Uploaded twice by mistake.")
    page.get_by_role("button", name="Add note").click()
    expect(page.locator(".notes")).to_contain_text("Uploaded twice by mistake.")
    _delete(page)
    expect(page.locator("#toasts")).to_contain_text("TRASH-1 is in the trash")
    expect(page.get_by_role("link", name="TRASH-1")).to_have_count(0)
    page.goto("/history/?q=TRASH-1")
    expect(page.get_by_role("heading", name="Worklist")).to_be_visible()
    expect(page.get_by_text("slice_0.png")).to_have_count(0)

    page.locator("summary").filter(has_text="admin").click()
    page.get_by_role("link", name="Trash", exact=True).click()
    expect(page.locator(".trash")).to_contain_text("Deleted by admin")
    page.get_by_role("button", name="Restore TRASH-1").click()
    expect(page).to_have_url(re.compile(rf"/cases/{receipt['case_id']}/$"))
    expect(page.locator(".card")).to_have_count(2)
    expect(page.locator(".notes")).to_contain_text("Uploaded twice by mistake.")
    expect(page.locator(".events")).to_contain_text("restored the case")

    _delete(page)
    assert "Nothing was changed" in site.manage("purge")
    site.manage("shell", "-c", _OLD)
    assert "to delete: case TRASH-1 of admin" in site.manage("purge")
    assert "Deleted 1 cases, 2 scans and 6 files." in site.manage("purge", "--yes")
    assert len(stored - _files(site)) == 6
    page.goto("/trash/")
    expect(page.get_by_role("heading", name="No cases in the trash")).to_be_visible()
    response = page.goto(f"/cases/{receipt['case_id']}/")
    assert response is not None and response.status == 404


def _delete(page: Page) -> None:
    page.get_by_role("link", name="Delete this case").click()
    expect(page.locator("main")).to_contain_text("2 scans")
    page.get_by_role("button", name="Move to the trash").click()


def _files(site: Site) -> set[str]:
    storage = site.data_dir / "storage"
    return {str(file.relative_to(storage)) for file in storage.rglob("*") if file.is_file()}
