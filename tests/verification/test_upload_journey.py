"""An upload that survives what happens to a page: a lost session, Back, a reload, a second tab, a wrong reference."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Dialog, Page, Route, expect

from tests import builders
from tests.verification.services import Site, wait_for
from tests.verification.uploading import (
    end_sessions,
    images,
    log_in,
    log_in_again,
    rows,
    second_tab,
    uploaded,
)

FILES = 30
_UPLOADED = 120_000  # milliseconds for thirty small files on a busy machine


@pytest.fixture
def scans(tmp_path: Path) -> list[Path]:
    """Thirty different images."""
    return images(tmp_path, FILES, first=5000)


def test_a_lost_session_in_the_middle_of_thirty_uploads_loses_and_doubles_nothing(
    page: Page, site: Site, clerk: str, scans: list[Path]
) -> None:
    at_file(page, 12, lambda: end_sessions(site))
    page.locator("#id_case").fill("LOST-1")
    page.locator("#id_files").set_input_files(scans)

    notice = page.locator("#logged-out")
    expect(notice).to_be_visible(timeout=_UPLOADED)
    expect(notice).to_contain_text(re.compile(r"You are logged out. \d+ files wait in this page"))
    log_in_again(page, clerk)
    expect(rows(page, "taken")).to_have_count(FILES, timeout=_UPLOADED)
    expect(notice).to_be_hidden()
    expect(page.locator("#upload-summary")).to_have_text("30 scans accepted")
    assert uploaded(site, clerk) == sorted(["LOST-1", scan.name] for scan in scans)

    page.reload()
    expect(rows(page, "taken")).to_have_count(FILES)
    page.locator("#uploads > li a[data-open]").first.click()
    page.wait_for_url(re.compile("/predictions/"))
    page.go_back()
    expect(rows(page, "taken")).to_have_count(FILES)
    second = second_tab(page)
    expect(rows(second, "taken")).to_have_count(FILES)


def test_an_answer_from_before_the_login_that_comes_after_it_stops_no_upload(
    page: Page, site: Site, clerk: str, tmp_path: Path
) -> None:
    late: list[Route] = []
    page.route("**/upload/", lambda route: late.append(route) if not late else route.continue_())
    end_sessions(site)
    page.locator("#id_case").fill("LATE-1")
    page.locator("#id_files").set_input_files(images(tmp_path, 4, first=8000))
    expect(page.locator("#logged-out")).to_be_visible()
    log_in_again(page, clerk)
    expect(rows(page, "taken")).to_have_count(3)
    late[0].fulfill(status=403, body="The login is missing.")
    expect(rows(page, "taken")).to_have_count(4, timeout=_UPLOADED)
    expect(page.locator("#logged-out")).to_be_hidden()


def at_file(page: Page, number: int, happens: Callable[[], None]) -> None:
    """Let something happen before the file of that number leaves the browser."""
    sent: list[str] = []

    def count(route: Route) -> None:
        if route.request.method == "POST":
            sent.append(route.request.url)
            if len(sent) == number:
                happens()
        route.continue_()

    page.route("**/upload/", count)


def test_what_was_not_sent_is_on_the_list_of_every_tab_and_takes_its_row(
    page: Page, site: Site, clerk: str, tmp_path: Path
) -> None:
    scans = images(tmp_path, 4, first=6000)
    page.route("**/upload/", lambda route: None if route.request.method == "POST" else route.continue_())
    page.locator("#id_case").fill("KEPT-1")
    page.locator("#id_files").set_input_files(scans)
    expect(rows(page)).to_have_count(4)

    second = second_tab(page)
    expect(rows(second, "waiting")).to_have_count(4)
    expect(rows(second, "waiting").first).to_contain_text("Being sent in another tab")
    second.close()

    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", answer)
    page.get_by_role("link", name="Worklist").first.click()
    page.wait_for_url("**/history/**")
    assert asked == ["beforeunload"], "leaving while files wait asks first"

    page.unroute("**/upload/")
    page.goto("/upload/")
    expect(rows(page, "waiting")).to_have_count(4)
    expect(page.locator("#upload-summary")).to_have_text("4 not sent")
    expect(rows(page).first).to_contain_text("Not sent to case KEPT-1")
    page.locator("#id_files").set_input_files(scans)
    question = page.get_by_role("dialog", name="Are these the same files?")
    expect(question).to_contain_text("4 files of those you chose have the name and size of files that were not sent")
    question.get_by_role("button", name="The same files: to case KEPT-1").click()
    expect(rows(page, "taken")).to_have_count(4, timeout=_UPLOADED)
    expect(rows(page)).to_have_count(4)
    assert uploaded(site, clerk) == [["KEPT-1", scan.name] for scan in scans]
    page.goto("/history/")
    assert asked == ["beforeunload"], "leaving asks no more once everything has arrived"


def test_files_that_wait_are_canceled_by_keyboard(page: Page, clerk: str, site: Site, tmp_path: Path) -> None:
    """One by one and all at once; what is on its way arrives, and the focus stays in the list."""
    held: list[Route] = []
    page.route("**/upload/", lambda route: held.append(route) if route.request.method == "POST" else route.continue_())
    page.locator("#id_files").set_input_files(images(tmp_path, 6, first=7000))
    waiting = page.get_by_role("button", name=re.compile(r"^Cancel scan_"))
    expect(waiting).to_have_count(4)
    expect(page.get_by_role("button", name="Cancel 4 waiting")).to_be_visible()
    waiting.first.focus()
    page.keyboard.press("Enter")
    expect(waiting).to_have_count(3)
    expect(page.get_by_role("button", name="Cancel scan_03.png")).to_be_focused()
    another_tab_changes_the_list(page)
    expect(page.get_by_role("button", name="Cancel scan_03.png")).to_be_focused()
    page.get_by_role("button", name="Cancel 3 waiting").focus()
    page.keyboard.press("Enter")
    expect(waiting).to_have_count(0)
    expect(page.locator("#id_files")).to_be_focused()
    for route in held:
        route.continue_()
    rows = page.locator("#uploads > li")
    expect(rows.get_by_role("link", name="Open the result of")).to_have_count(2, timeout=_UPLOADED)
    assert [name for _, name in uploaded(site, clerk)] == ["scan_00.png", "scan_01.png"]
    remove = page.get_by_role("button", name="Remove scan_01.png")
    remove.focus()
    another_tab_changes_the_list(page)
    expect(remove).to_be_focused()
    page.reload()
    expect(rows).to_have_count(2)


def another_tab_changes_the_list(page: Page) -> None:
    """Until the page has read its list again."""
    page.evaluate("""() => {
        window.changed = false;
        const seen = new MutationObserver(() => { window.changed = true; });
        seen.observe(document.getElementById("uploads"), {childList: true});
    }""")
    second = second_tab(page)
    second.wait_for_load_state()  # its script has told the page that it is there
    second.goto("about:blank")
    second.close()
    wait_for("the new list", lambda: page.evaluate("window.changed"), seconds=15)


def test_files_chosen_before_the_script_has_loaded_are_sent(page: Page, clerk: str, site: Site, tmp_path: Path) -> None:
    held: list[Route] = []
    script = re.compile(r"/js/upload\.[^/]*js$")
    page.route(script, lambda route: held.append(route))
    with page.expect_request(script):
        page.goto("/upload/", wait_until="commit")
    page.locator("#id_files").set_input_files(images(tmp_path, 2, first=7100))
    held[0].continue_()
    expect(rows(page, "taken")).to_have_count(2, timeout=_UPLOADED)
    assert [name for _, name in uploaded(site, clerk)] == ["scan_00.png", "scan_01.png"]


def test_a_wrong_reference_is_told_on_its_field_and_sends_nothing(page: Page, clerk: str, tmp_path: Path) -> None:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.locator("#id_case").fill("Jane Doe")
    page.locator("#id_files").set_input_files(images(tmp_path, 2, first=7000))
    field = page.locator("#id_case")
    expect(page.locator("#case-problem")).to_contain_text("Use a pseudonym, never a name.")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()
    expect(page.locator("#waits")).to_contain_text("2 files not sent yet")
    assert sent == []
    field.fill("JD-1")
    field.press("Enter")
    expect(rows(page, "taken")).to_have_count(2, timeout=_UPLOADED)
    expect(page.locator("#case-problem")).to_be_hidden()


def test_images_of_an_archive_that_may_show_a_name_are_shown_large_and_answered(
    page: Page, site: Site, clerk: str, tmp_path: Path
) -> None:
    series = builders.dicom_series(2, BurnedInAnnotation="YES", size=256)
    archive = tmp_path / "study.zip"
    archive.write_bytes(builders.zipped({f"IM{n}": data for n, data in enumerate(series)}))
    page.locator("#id_case").fill("TEXT-1")
    page.locator("#id_files").set_input_files(archive)
    asking = page.locator(".upload-asks")
    expect(asking).to_have_count(2, timeout=_UPLOADED)
    image = asking.first.locator(".upload-preview img")
    image.scroll_into_view_if_needed()
    wait_for("the image", lambda: image.evaluate("image => image.naturalWidth >= 256"), seconds=15)
    box = image.bounding_box()
    assert box is not None and box["width"] >= 256
    asking.nth(1).get_by_role("button", name="Remove").click()
    expect(asking).to_have_count(1)
    asking.get_by_role("button", name="No name in it").click()
    expect(rows(page, "taken")).to_have_count(1, timeout=_UPLOADED)
    expect(rows(page)).to_have_count(1)
    assert len(uploaded(site, clerk)) == 1


def test_a_name_that_another_owner_uses_is_asked_about_before_anything_is_sent(
    page: Page, site: Site, clerk: str, tmp_path: Path
) -> None:
    scans = images(tmp_path, 1, first=8000)
    page.locator("#id_case").fill("SAME-1")
    page.locator("#id_files").set_input_files(scans)
    expect(rows(page, "taken")).to_have_count(1, timeout=_UPLOADED)
    page.context.clear_cookies()
    page.goto("/upload/")
    log_in(page, "admin")
    page.locator("#id_case").fill("SAME-1")
    page.locator("#id_files").set_input_files(scans)
    question = page.locator("#namesakes")
    expect(question).to_contain_text(f"SAME-1 of {clerk}")
    assert uploaded(site, "admin").count(["SAME-1", "scan_00.png"]) == 0
    question.get_by_role("button", name="Open one of my own").click()
    expect(rows(page).filter(has_text="scan_00.png").first).to_have_attribute("data-state", "taken", timeout=_UPLOADED)
    assert uploaded(site, "admin").count(["SAME-1", "scan_00.png"]) == 1
