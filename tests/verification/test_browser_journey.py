"""The main job as a person does it, in headless Chromium, on real scans, the real worker and the real model."""

import re
from pathlib import Path

from playwright.sync_api import Dialog, Page, Route, expect

from tests import builders
from tests.verification.services import PASSWORD, Site

_JUDGED = re.compile("[Tt]umor|Uncertain")
_RESULT = 60_000  # milliseconds in which a scan's result must be on the page


def test_log_in_drop_scans_watch_open_find_log_out(
    page: Page, site: Site, real_scans: dict[str, list[Path]], tmp_path: Path
) -> None:
    page.goto("/history/")
    expect(page).to_have_url(f"{site.url}/login/?next=/history/")
    page.get_by_label("User name").or_(page.get_by_label("Username")).fill("admin")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Worklist")).to_be_visible()

    site.clear_uploads()
    scans = [*real_scans["tumor"][10:13], *real_scans["no_tumor"][10:12]]
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(scans[0].read_bytes()[:700])
    page.get_by_role("link", name="Upload").first.click()
    page.locator("#id_case").fill("BROWSER-1")
    _watch_progress(page)
    _drop(page, [*scans, broken])

    rows = page.locator("#uploads > li")
    expect(rows).to_have_count(6)
    expect(page.locator("#uploads > li[data-state='taken']")).to_have_count(5, timeout=_RESULT)
    wrong = rows.filter(has_text="broken.jpg")
    expect(wrong).to_contain_text("cut off")
    for scan in scans:
        expect(rows.filter(has_text=scan.name)).to_contain_text(_JUDGED, timeout=_RESULT)
    seen = page.evaluate("window.seen")
    assert any(0 < percent <= 100 for percent in seen["progress"]), seen
    assert seen["polls"] > 0
    _polling_has_stopped(page)

    copy = tmp_path / "copy.jpg"
    copy.write_bytes(scans[0].read_bytes())
    page.locator("#id_case").fill("BROWSER-2")
    _drop(page, [copy])
    repeated = rows.filter(has_text="copy.jpg")
    expect(repeated).to_contain_text(_JUDGED, timeout=_RESULT)
    expect(repeated).to_contain_text("The same image is also in case BROWSER-1")

    rows.filter(has_text=scans[0].name).get_by_role("link", name="Open").click()
    expect(page.get_by_text("not a diagnosis").first).to_be_visible()
    expect(page.locator("main")).to_contain_text("Of 100 scans scored like this")
    expect(page.locator(".viewer.drawn [data-part=canvas]")).to_be_visible()  # it stands for the image from then on
    assert page.locator("[data-part=plain]").evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    _look_at_evidence(page)

    page.keyboard.press("/")
    page.keyboard.type("BROWSER-1")
    page.keyboard.press("Enter")
    expect(page.locator("table tbody tr")).to_have_count(5)
    page.locator("table tbody tr").filter(has_text=scans[4].name).get_by_role("link").first.click()
    expect(page.locator("main")).to_contain_text(scans[4].name.rsplit(".", 1)[0])

    page.locator("summary").filter(has_text="admin").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    page.goto("/history/")
    expect(page).to_have_url(f"{site.url}/login/?next=/history/")


def test_a_message_from_an_injected_name_stays_text(page: Page, site: Site, real_scans: dict[str, list[Path]]) -> None:
    from tests.verification.client import Client

    name = "<img src=x onerror=alert(1)>.jpg"
    client = Client(site.url, site.token())
    client.upload(
        (name, real_scans["tumor"][20].read_bytes()), ("<script>alert(2)</script>.png", b"text"), case="NAMES-1"
    )
    dialogs: list[str] = []

    def answer(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", answer)
    page.goto("/login/")
    page.get_by_label("User name").or_(page.get_by_label("Username")).fill("admin")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.goto("/history/?q=NAMES-1")
    expect(page.locator("table tbody")).to_contain_text(name)
    assert dialogs == []


def test_a_file_that_finds_the_site_busy_is_sent_again(page: Page, site: Site, tmp_path: Path) -> None:
    site.clear_uploads()
    page.goto("/login/?next=/upload/")
    page.get_by_label("User name").or_(page.get_by_label("Username")).fill("admin")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    image = tmp_path / "busy.png"
    image.write_bytes(builders.png_bytes(builders.phantom(128, seed=77)))
    refusals = _be_busy(page, times=7)
    rows = page.locator("#uploads > li")
    _drop(page, [image])
    expect(rows).to_contain_text("Busy, trying again")
    expect(rows).to_contain_text("The site is busy.")  # after five tries
    assert len(refusals) == 5
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#uploads > li[data-state='taken']")).to_have_count(1)
    assert len(refusals) == 7
    expect(page.locator("#upload-summary")).to_have_text("1 scan accepted")


def _be_busy(page: Page, *, times: int) -> list[str]:
    """Uploads are turned away so many times, as the site does it, and then let through."""
    refusals: list[str] = []

    def answer(route: Route) -> None:
        if route.request.method != "POST" or len(refusals) == times:
            route.fallback()
            return
        refusals.append(route.request.url)
        row = '<p class="problem" data-refused>The site is busy.</p>'
        route.fulfill(status=503, headers={"Retry-After": "0.6"}, content_type="text/html", body=row)

    page.route("**/upload/", answer)
    return refusals


def _look_at_evidence(page: Page) -> None:
    """The box is where the words say, and what a reader chooses of map and box stays so after a reload."""
    canvas, box = page.locator("[data-part=canvas]"), page.locator(".layer-box")
    expect(canvas).to_have_accessible_name(re.compile("Evidence map: strongest in the"))
    expect(box).to_contain_text("of the evidence")
    frame, sheet = box.bounding_box(), canvas.bounding_box()
    assert frame and sheet and sheet["x"] <= frame["x"] + 2 and frame["width"] <= sheet["width"] + 2
    page.keyboard.press("b")
    expect(box).to_be_hidden()
    page.keyboard.press("b")
    expect(box).to_be_visible()
    page.keyboard.press("m")
    expect(canvas).not_to_have_accessible_name(re.compile("Evidence map"))
    page.keyboard.press("m")
    slider = page.get_by_label("Opacity of the evidence map")
    before = int(slider.input_value())
    slider.focus()
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    address = page.url  # arrows move the slider; they turn to the next scan only elsewhere
    page.reload()
    assert page.url == address
    expect(slider).to_have_value(str(before - 20))


def _drop(page: Page, files: list[Path]) -> None:
    """Drop files on the page, as from a file manager: the browser reads them from an input and moves them over."""
    page.locator("#drop-zone").wait_for(state="attached")  # a login may still be on its way here
    page.wait_for_load_state("load")
    page.evaluate(
        """() => { const input = document.createElement('input');
                   input.type = 'file'; input.multiple = true; input.id = 'dropper'; document.body.append(input); }"""
    )
    page.locator("#dropper").set_input_files(files)
    page.evaluate(
        """() => { const transfer = new DataTransfer();
                   const input = document.getElementById('dropper');
                   for (const file of input.files) transfer.items.add(file);
                   input.remove();
                   const zone = document.getElementById('drop-zone');
                   const options = {bubbles: true, cancelable: true, dataTransfer: transfer};
                   for (const type of ['dragenter', 'dragover', 'drop'])
                     zone.dispatchEvent(new DragEvent(type, options)); }"""
    )


def _watch_progress(page: Page) -> None:
    """Note every value that a progress bar shows, and every status poll."""
    page.evaluate(
        """() => { window.seen = {progress: [], polls: 0};
                   new MutationObserver(() => document.querySelectorAll('#uploads progress')
                       .forEach(bar => window.seen.progress.push(bar.value)))
                     .observe(document.getElementById('uploads'), {subtree: true, childList: true, attributes: true});
                   document.body.addEventListener('htmx:afterRequest', event => {
                       if (event.detail.pathInfo.requestPath.startsWith('/status/')) window.seen.polls += 1; }); }"""
    )


def _polling_has_stopped(page: Page) -> None:
    """htmx polls for an element as long as that is on the page."""
    expect(page.locator("#poller")).to_have_count(0)
