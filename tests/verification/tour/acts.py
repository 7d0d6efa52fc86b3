"""What is done on a page before its picture is taken."""

from playwright.sync_api import FilePayload, Page, Route

from tests.verification.services import PASSKEY_DEVICE, PASSWORD
from tests.verification.tour import samples
from tests.verification.tour.stage import CAREFUL, OPEN, RUNNING, Stage

_UNAVAILABLE = """
from django.template.loader import render_to_string
print(render_to_string("503.html", {
    "status": 503, "path": "/history/", "request_id": "5d0f6d3c-1f7e-4b52-9a9c-0a2f6c1d7e10",
    "reason": "The database is not reachable. It is being tried again; most often this ends by itself within a minute.",
}))
"""


def wrong_password(page: Page, stage: Stage) -> None:
    page.fill("#id_username", "ada")
    page.fill("#id_password", "not this one")
    page.click("main button")
    page.wait_for_selector(".errorlist, .errors")


def make_token(page: Page, stage: Stage) -> None:
    page.fill("#name", "nightly export")
    page.get_by_label("Upload:").uncheck()
    page.click(".account-form button")
    page.wait_for_selector("#key")


def to_code(page: Page, stage: Stage) -> None:
    _send_login(page, CAREFUL)
    page.wait_for_selector("#id_code")


def log_in_elsewhere(page: Page, stage: Stage) -> None:
    browser = page.context.browser
    assert browser is not None
    phone = browser.new_context(base_url=stage.site.url, user_agent="Mozilla/5.0 (iPhone) Safari/604.1").new_page()
    phone.goto("/login/")
    _send_login(phone, OPEN)
    phone.wait_for_url("**/history/", wait_until="domcontentloaded")
    phone.context.close()
    page.reload()


def _send_login(page: Page, name: str) -> None:
    page.fill("#id_username", name)
    page.fill("#id_password", PASSWORD)
    page.click("main button")


def add_passkey(page: Page, stage: Stage) -> None:
    browser = page.context.new_cdp_session(page)
    browser.send("WebAuthn.enable")
    browser.send("WebAuthn.addVirtualAuthenticator", {"options": PASSKEY_DEVICE})
    page.fill("#passkey-name", "Laptop in the reading room")
    page.keyboard.press("Enter")
    page.wait_for_selector(".account-codes")


def open_filter(page: Page, stage: Stage) -> None:
    page.locator(".filter-menus summary").first.click()


def open_views(page: Page, stage: Stage) -> None:
    page.locator(".filter-menus summary").filter(has_text="My views").click()


def select_rows(page: Page, stage: Stage) -> None:
    boxes = page.locator("tbody input[type=checkbox]")
    for row in (1, 2, 4):
        boxes.nth(row).check()


def lettering(page: Page, stage: Stage) -> None:
    _choose(page, [("t1c_2_export.png", samples.lettered())])
    page.get_by_role("button", name="No name in it").wait_for()


def running_upload(page: Page, stage: Stage) -> None:
    """A volume keeps the worker busy, and what was chosen with it waits in line."""
    remove_all(page)
    _choose(page, [("notes.txt", b"Seen on Monday."), *reversed(samples.slices(1, series=True))])
    page.locator(".upload-row .progress").first.wait_for()


def finished_upload(page: Page, stage: Stage) -> None:
    if not page.locator(".upload-row").count():
        running_upload(page, stage)
    while page.locator(".upload-row .progress").count():
        page.wait_for_timeout(500)


def remove_all(page: Page) -> None:
    page.goto("/upload/")
    while (rows := page.locator(".upload-row [data-part=remove]:visible")).count():
        before = rows.count()
        rows.first.click()
        page.wait_for_function(
            "n => document.querySelectorAll('.upload-row [data-part=remove]').length < n", arg=before
        )


def to_reading(page: Page, stage: Stage) -> None:
    page.locator("#review").scroll_into_view_if_needed()
    page.locator("#review").evaluate("part => part.scrollIntoView({block: 'center'})")


def fill_reading(page: Page, stage: Stage) -> None:
    page.wait_for_load_state("networkidle")
    page.locator("#review input[value=tumor]").check()
    page.locator("#review-type").select_option("meningioma")
    page.locator("#review-confidence").select_option(index=2)
    page.locator("#review-comment").fill("Broad base at the dura.")
    to_reading(page, stage)


def commit(page: Page, stage: Stage) -> None:
    page.locator("#review input[value=tumor]").check()
    page.locator("#review-comment").fill("Right frontal, read blind.")
    page.locator("#review button[value=commit]").click()
    page.locator("#review button[value=confirm]").wait_for()


def empty_note(page: Page, stage: Stage) -> None:
    """The page of a note that was not accepted: it keeps the text and names the rule."""
    page.evaluate("document.querySelectorAll('form').forEach(form => { form.noValidate = true })")
    page.get_by_role("button", name="Add note").click()
    page.wait_for_url("**/notes/")


def unfold_operation(page: Page, stage: Stage) -> None:
    page.locator("#reviews_create > summary").click()
    page.locator("#reviews").evaluate("part => part.scrollIntoView()")


def open_first(page: Page, stage: Stage) -> None:
    page.locator("#result_list tbody th a").first.click()
    page.wait_for_load_state()


def no_database(page: Page, stage: Stage) -> None:
    """The page of an outage, without one: the other scenes need the site."""
    html = stage.site.manage("shell", "-v", "0", "-c", _UNAVAILABLE)

    def answer(route: Route) -> None:
        route.fulfill(status=503, content_type="text/html", body=html)

    page.route("**/history/", answer)
    page.goto("/history/")


def running_result(page: Page, stage: Stage) -> None:
    stage.site.manage("shell", "-c", RUNNING.format(pk=stage.predictions["running"]))
    page.reload()


def _choose(page: Page, files: list[tuple[str, bytes]]) -> None:
    payloads: list[FilePayload] = [
        {"name": name, "mimeType": "application/octet-stream", "buffer": data} for name, data in files
    ]
    page.locator("#id_files").set_input_files(payloads)
