"""The list of an open upload page beside what happens meanwhile: answers, other tabs, a case that is changed."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from playwright.sync_api import APIResponse, Page, Route, expect

from tests import builders
from tests.verification.services import Site
from tests.verification.uploading import images, log_in, rows, second_tab, uploaded, wait_until

_UPLOADED = 60_000


def hold_lists(page: Page) -> list[tuple[Route, APIResponse]]:
    """Readings of the list, each answered by the site and not yet passed on."""
    held: list[tuple[Route, APIResponse]] = []

    def hold(route: Route) -> None:
        if route.request.method == "GET":
            held.append((route, route.fetch()))
        else:
            route.continue_()

    page.route("**/upload/rows/", hold)
    return held


COUNT_READINGS = """() => {
  if (window.readings === undefined) {
    window.readings = 0;
    const { text } = Response.prototype;
    Response.prototype.text = async function () {
      const found = await text.call(this);
      setTimeout(() => { window.readings += 1; });  // after what the page does with it
      return found;
    };
  }
  return window.readings;
}"""


@contextmanager
def list_read(page: Page) -> Iterator[None]:
    """Ends once the page has read a list and shown what it makes of it."""
    before = page.evaluate(COUNT_READINGS)
    yield
    wait_until(page, "the list shown", lambda: page.evaluate(COUNT_READINGS) > before)


def change_elsewhere(page: Page) -> None:
    page.evaluate("new BroadcastChannel('brainscan-uploads').postMessage({ from: 'another tab', keys: [] })")


def test_a_list_read_before_an_answer_does_not_hide_it(page: Page, clerk: str, tmp_path: Path) -> None:
    sent: list[Route] = []
    page.route("**/upload/", lambda route: sent.append(route))
    read = hold_lists(page)
    page.locator("#id_case").fill("STALE-1")
    page.locator("#id_files").set_input_files(images(tmp_path, 2, first=9000))
    wait_until(page, "both files sent", lambda: len(sent) == 2)
    change_elsewhere(page)
    wait_until(page, "the list read", lambda: len(read) == 1)
    for route in sent:
        route.continue_()
    expect(rows(page, "taken")).to_have_count(2)

    route, answer = read[0]
    assert answer.text().count('data-state="waiting"') == 2
    with list_read(page):
        route.fulfill(response=answer)
    expect(rows(page, "taken")).to_have_count(2)
    expect(rows(page)).to_have_count(2)


def test_a_row_that_left_the_list_elsewhere_leaves_the_page_and_ends_its_polling(
    page: Page, site: Site, clerk: str, tmp_path: Path
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/status/" in request.url else None)
    page.route("**/status/?*", lambda route: route.abort())
    page.locator("#id_files").set_input_files(images(tmp_path, 1, first=100))
    expect(rows(page, "taken")).to_have_count(1)
    dismissed = "from diagnosis.models import UploadRow; UploadRow.objects.filter(user__username={!r}).delete()"
    site.manage("shell", "-c", dismissed.format(clerk))
    page.unroute("**/status/?*")
    expect(rows(page)).to_have_count(0, timeout=_UPLOADED)
    asked.clear()
    page.wait_for_timeout(2000)
    assert len(asked) <= 1


def test_a_file_chosen_again_moves_its_row(page: Page, clerk: str, tmp_path: Path) -> None:
    scans = images(tmp_path, 2, first=200)
    page.locator("#id_case").fill("AGAIN-1")
    page.locator("#id_files").set_input_files(scans)
    expect(rows(page, "taken")).to_have_count(2)
    page.locator("#id_files").set_input_files(scans[1])
    expect(rows(page, "known")).to_have_count(1)
    expect(rows(page)).to_have_count(2)
    expect(rows(page).first).to_contain_text("scan_01.png")


def test_an_archive_that_is_sent_again_is_listed_once(page: Page, clerk: str, tmp_path: Path) -> None:
    series = builders.dicom_series(2, BurnedInAnnotation="YES", size=256)
    archive = tmp_path / "study.zip"
    plain = builders.png_bytes(builders.phantom(128, seed=300))
    archive.write_bytes(builders.zipped({"a.png": plain} | {f"IM{n}": data for n, data in enumerate(series)}))
    page.locator("#id_files").set_input_files(archive)
    expect(page.locator(".upload-asks")).to_have_count(2, timeout=_UPLOADED)
    expect(rows(page)).to_have_count(3)
    page.get_by_role("button", name="No name in it").first.click()
    with list_read(page):
        change_elsewhere(page)
    expect(page.locator(".upload-asks [aria-pressed=true]")).to_have_count(1)

    sent: list[Route] = []
    held = hold_lists(page)
    page.route("**/upload/", lambda route: sent.append(route))
    page.get_by_role("button", name="No name in all 2 images").click()
    change_elsewhere(page)
    wait_until(page, "the list read", lambda: len(held) == 1)
    route, answer = held[0]
    with list_read(page):
        route.fulfill(response=answer)
    expect(page.locator(".upload-asks")).to_have_count(0)
    sent[0].continue_()
    expect(page.locator("#uploads > li:not([data-row])")).to_have_count(0, timeout=_UPLOADED)
    shown = rows(page).evaluate_all("rows => rows.map((row) => row.dataset.row)")
    page.unroute("**/upload/")
    page.reload()
    assert rows(page).evaluate_all("rows => rows.map((row) => row.dataset.row)") == shown


def test_a_list_read_before_a_file_was_canceled_does_not_bring_it_back(page: Page, clerk: str, tmp_path: Path) -> None:
    sent: list[Route] = []
    held = hold_lists(page)
    page.route("**/upload/", lambda route: sent.append(route))
    page.locator("#id_files").set_input_files(images(tmp_path, 3, first=400))
    wait_until(page, "two files sent", lambda: len(sent) == 2)
    change_elsewhere(page)
    wait_until(page, "the list read", lambda: len(held) == 1)
    page.get_by_role("button", name="Cancel scan_02.png").click()
    expect(rows(page)).to_have_count(2)
    route, answer = held[0]
    with list_read(page):
        route.fulfill(response=answer)
    expect(rows(page)).to_have_count(2)


def test_a_file_that_is_tried_again_goes_to_its_own_case(page: Page, site: Site, clerk: str, tmp_path: Path) -> None:
    page.route("**/upload/", lambda route: route.abort())
    page.locator("#id_case").fill("FIRST-1")
    page.locator("#id_files").set_input_files(images(tmp_path, 1, first=500))
    expect(rows(page)).to_contain_text("The connection broke")
    page.unroute("**/upload/")
    page.locator("#id_case").fill("NEXT-2")
    page.get_by_role("button", name="Try again").click()
    expect(rows(page, "taken")).to_have_count(1)
    assert uploaded(site, clerk) == [["FIRST-1", "scan_00.png"]]


def test_a_reference_that_is_half_typed_names_no_case(page: Page, site: Site, clerk: str, tmp_path: Path) -> None:
    checks: list[Route] = []
    page.route("**/same-name/**", lambda route: checks.append(route))
    page.locator("#id_case").fill("TYPED-1")
    page.locator("#id_files").set_input_files(images(tmp_path, 1, first=600))
    wait_until(page, "the reference checked", lambda: len(checks) == 1)
    page.locator("#id_case").focus()
    page.keyboard.press("End")
    page.keyboard.type("2")
    checks[0].continue_()
    expect(rows(page, "taken")).to_have_count(1)
    assert uploaded(site, clerk) == [["TYPED-1", "scan_00.png"]]


def _announced(addresses: list[str], times: int) -> bool:
    return sum("/rows/" in address for address in addresses) == times


def test_files_of_a_named_case_do_not_take_the_rows_of_another(
    page: Page, site: Site, clerk: str, tmp_path: Path
) -> None:
    """Scanners give the files of every patient the same names and sizes."""
    scans = images(tmp_path, 3, first=700)
    page.on("dialog", lambda dialog: dialog.accept())
    page.route("**/upload/", lambda route: route.continue_() if route.request.method == "GET" else None)
    announced: list[str] = []
    page.on("response", lambda answer: announced.append(answer.url) if answer.status == 204 else None)
    page.locator("#id_case").fill("ONE-1")
    page.locator("#id_files").set_input_files(scans[0])
    for number in (1, 2):
        wait_until(page, "each case announced by itself", partial(_announced, announced, number))
        announced.clear()
        page.reload()
        if number == 1:
            page.locator("#id_files").set_input_files(scans[:2])
            page.get_by_role("button", name="The same files: to case ONE-1").click()
    expect(rows(page, "waiting")).to_have_count(2)
    expect(rows(page, "waiting").filter(has_text="ONE-1")).to_have_count(1)
    page.unroute("**/upload/")
    page.locator("#id_case").fill("TWO-2")
    page.locator("#id_files").set_input_files(scans)
    expect(rows(page, "taken")).to_have_count(3)
    expect(rows(page, "waiting")).to_have_count(2)
    assert uploaded(site, clerk) == [["TWO-2", scan.name] for scan in scans]


def test_files_named_as_those_of_an_earlier_case_are_asked_about(
    page: Page, site: Site, clerk: str, tmp_path: Path
) -> None:
    scans = images(tmp_path, 3, first=900)
    page.on("dialog", lambda dialog: dialog.accept())
    page.route("**/upload/", lambda route: route.continue_() if route.request.method == "GET" else None)
    page.locator("#id_case").fill("ONE-1")
    with page.expect_response("**/upload/rows/"):
        page.locator("#id_files").set_input_files(scans[:2])
    page.reload()
    page.unroute("**/upload/")
    question = page.get_by_role("dialog", name="Are these the same files?")
    suggested = page.locator("#id_case").input_value()

    page.locator("#id_files").set_input_files(scans)
    expect(question).to_contain_text("2 files of those you chose")
    page.keyboard.press("Escape")
    expect(question).to_be_hidden()
    page.wait_for_timeout(500)
    expect(rows(page)).to_have_count(2)

    page.locator("#id_files").set_input_files(scans)
    question.get_by_role("button", name=f"Other files: to case {suggested}").click()
    expect(rows(page, "taken")).to_have_count(3, timeout=_UPLOADED)
    expect(rows(page, "waiting")).to_have_count(2)
    assert uploaded(site, clerk) == [[suggested, scan.name] for scan in scans]

    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose scan_00.png again").click()
    chooser.value.set_files(scans[0])
    expect(rows(page, "waiting")).to_have_count(1)
    expect(question).to_be_hidden()


def test_of_two_readings_the_one_begun_later_stays(page: Page, clerk: str, tmp_path: Path) -> None:
    page.locator("#id_files").set_input_files(images(tmp_path, 1, first=1000))
    expect(page.get_by_role("link", name="Open the result of")).to_have_count(1, timeout=_UPLOADED)
    page.wait_for_timeout(1500)
    held = hold_lists(page)
    for number in (1, 2):
        change_elsewhere(page)
        wait_until(page, "the list read", partial(lambda count: len(held) == count, number))
    old, new = held
    with list_read(page):
        new[0].fulfill(status=200, body="")
    expect(rows(page)).to_have_count(0)
    with list_read(page):
        old[0].fulfill(response=old[1])
    expect(rows(page)).to_have_count(0)


def test_the_list_of_another_person_is_not_shown(page: Page, clerks: Iterator[str], clerk: str, tmp_path: Path) -> None:
    page.locator("#id_files").set_input_files(images(tmp_path, 1, first=1100))
    expect(page.get_by_role("link", name="Open the result of")).to_have_count(1, timeout=_UPLOADED)
    page.context.clear_cookies()
    other = second_tab(page)
    log_in(other, next(clerks))
    other.locator("#id_files").set_input_files(images(tmp_path, 1, first=1200))
    expect(rows(other, "taken")).to_have_count(1)
    page.bring_to_front()
    expect(page.locator("#logged-out")).to_contain_text("is logged in now")
    expect(rows(page)).to_have_count(1)
    other.close()


def test_what_a_crashed_tab_was_sending_counts_as_not_sent(page: Page, clerk: str, tmp_path: Path) -> None:
    page.on("dialog", lambda dialog: dialog.accept())
    page.route("**/upload/", lambda route: route.continue_() if route.request.method == "GET" else None)
    with page.expect_response("**/upload/rows/"):
        page.locator("#id_files").set_input_files(images(tmp_path, 1, first=1300))
    page.clock.install()
    page.reload()
    row = rows(page, "waiting")
    key = row.get_attribute("data-key")
    page.evaluate("key => new BroadcastChannel('brainscan-uploads').postMessage({ from: 'dead', keys: [key] })", key)
    page.clock.run_for(2000)
    expect(row).to_contain_text("Being sent in another tab")
    page.clock.run_for(40_000)
    expect(row).to_contain_text("Being sent in another tab")
    page.clock.run_for(60_000)
    expect(row).to_contain_text("Not sent")


def test_a_list_that_leads_to_another_page_empties_nothing(page: Page, clerk: str, tmp_path: Path) -> None:
    """As it does while a login waits for its second step."""
    page.locator("#id_files").set_input_files(images(tmp_path, 1, first=800))
    expect(rows(page, "taken")).to_have_count(1)
    page.route("**/upload/rows/", lambda route: route.fulfill(status=302, headers={"Location": "/password/"}))
    change_elsewhere(page)
    expect(page.locator("#logged-out")).to_be_visible()
    expect(rows(page, "taken")).to_have_count(1)
