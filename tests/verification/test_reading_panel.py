"""The reading panel as people use it: a location marked on the image, without JavaScript, enlarged, without a mouse."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.builders import phantom, png_bytes
from tests.verification.services import PASSWORD, Site
from tests.verification.test_reading import log_in
from tests.verification.test_worklist import upload

CASE = "PANEL"
WAITS = 30_000  # milliseconds

MARKS = """stage => {
  const frame = stage.getBoundingClientRect();
  const side = Math.min(frame.width, frame.height);  // the images are square
  const [left, top] = [frame.left + (frame.width - side) / 2, frame.top + (frame.height - side) / 2];
  return [...stage.querySelectorAll("rect.mark-location, line.mark-location")].map(mark => {
    const box = mark.getBoundingClientRect();
    return [box.left - left, box.top - top, box.right - left, box.bottom - top].map(value => value / side);
  });
}"""
"""Left, top, right and bottom of each mark, as fractions of the image."""

IN_VIEW = """() => {
  const node = document.activeElement, box = node.getBoundingClientRect();
  const at = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  return {
    name: node.name || node.textContent.trim(), value: node.value, kind: node.type || node.tagName,
    inside: box.top >= 0 && box.bottom <= innerHeight && box.left >= 0 && box.right <= innerWidth,
    seen: node.contains(at) || (at?.closest("label")?.contains(node) ?? false), ring: node.matches(":focus-visible"),
  };
}"""


@pytest.fixture(scope="module")
def scans(site: Site) -> list[int]:
    return upload(site, {f"panel_{n}.png": 4000 + n for n in range(4)}, case=CASE)


@pytest.fixture
def reader(page: Page) -> Iterator[Page]:
    log_in(page, "admin")
    yield page


@pytest.fixture
def plain(page: Page, site: Site) -> Iterator[Page]:
    """A window that runs no scripts, logged in by its form."""
    assert page.context.browser
    context = page.context.browser.new_context(base_url=site.url, java_script_enabled=False)
    window = context.new_page()
    window.goto("/login/")
    window.get_by_label("User name").fill("admin")
    window.get_by_label("Password", exact=True).fill(PASSWORD)
    window.get_by_role("button", name="Log in").click()
    expect(window.get_by_role("heading", name="Worklist")).to_be_visible()
    yield window
    context.close()


def at(page: Page, x: float, y: float) -> tuple[float, float]:
    """Where a fraction of the square image lies on the screen."""
    frame = page.locator("[data-part=stage]").bounding_box()
    assert frame
    side = min(frame["width"], frame["height"])
    left, top = frame["x"] + (frame["width"] - side) / 2, frame["y"] + (frame["height"] - side) / 2
    return left + x * side, top + y * side


def marks(page: Page) -> Any:
    return page.locator("[data-part=stage]").evaluate(MARKS)


def test_a_marked_point_and_the_box_that_replaces_it_are_shown(reader: Page, scans: list[int]) -> None:
    reader.goto(f"/predictions/{scans[0]}/")
    expect(reader.locator("[data-part=readout]")).to_contain_text("C ")
    expect(reader.get_by_text("No location marked.")).to_be_visible()
    reader.get_by_role("button", name="Mark on the image").click()
    reader.mouse.click(*at(reader, 0.25, 0.6))
    expect(reader.get_by_text("A location is marked on the image.")).to_be_visible()
    reader.keyboard.press("Escape")
    reader.keyboard.press("1")
    reader.keyboard.press("s")
    expect(reader.locator("#review .reading").first).to_contain_text("signed just now")
    expect(reader.locator("line.mark-location")).to_have_count(2)
    for left, top, right, bottom in marks(reader):
        assert ((left + right) / 2, (top + bottom) / 2) == pytest.approx((0.25, 0.6), abs=0.01)

    reader.locator("summary").filter(has_text="Amend").click()
    reader.get_by_role("button", name="Mark on the image").click()
    reader.mouse.move(*at(reader, 0.3, 0.2))
    reader.mouse.down()
    reader.mouse.move(*at(reader, 0.5, 0.45), steps=4)
    reader.mouse.up()
    reader.get_by_label("Why").fill("The box says it better.")
    reader.get_by_role("button", name="Amend", exact=True).click()
    expect(reader.locator("#review .reading").first).to_contain_text("Amended: The box says it better.")
    expect(reader.locator("rect.mark-location")).to_have_count(1)
    assert marks(reader)[0] == pytest.approx([0.3, 0.2, 0.5, 0.45], abs=0.01)
    expect(reader.locator("line.mark-location")).to_have_count(0)  # the earlier location is gone


def test_the_whole_reading_without_javascript(plain: Page, scans: list[int]) -> None:
    plain.goto(f"/history/?q={CASE}&sort=scan")
    plain.get_by_role("link", name="panel_1.png").click()
    plain.get_by_label("No tumor").check()
    plain.get_by_label("Comment").fill("Seen on paper.")
    plain.get_by_role("button", name="Save draft").click()
    expect(plain.get_by_text("Draft saved.")).to_be_visible()
    expect(plain.get_by_label("No tumor")).to_be_checked()
    expect(plain.get_by_label("Comment")).to_have_value("Seen on paper.")
    plain.get_by_role("button", name="Sign").click()
    expect(plain.locator("#review .reading").first).to_contain_text("signed just now")
    expect(plain.locator("#review .reading").first).to_contain_text("Seen on paper.")
    plain.get_by_role("link", name="Next", exact=True).click()
    plain.wait_for_url(f"**/predictions/{scans[2]}/**")
    image = plain.locator("main img").first
    assert image.get_attribute("src") and plain.request.get(image.get_attribute("src") or "").ok
    plain.get_by_role("link", name="Worklist").last.click()
    expect(plain.locator("tr").filter(has_text="panel_1.png")).to_contain_text("Signed")


def test_upload_search_and_case_without_javascript(plain: Page) -> None:
    plain.goto("/upload/")
    plain.get_by_label("Case", exact=True).fill("PLAIN-1")
    image: FilePayload = {"name": "plain.png", "mimeType": "image/png", "buffer": png_bytes(phantom(128, seed=4100))}
    plain.locator("#id_files").set_input_files([image])
    plain.get_by_label("I have checked").check()
    plain.get_by_role("button", name="Upload", exact=True).click()
    expect(plain.locator("#uploads")).to_contain_text("plain.png")
    plain.get_by_label("Search case, file or owner").fill("PLAIN-1")
    plain.keyboard.press("Enter")
    expect(plain.locator("table tbody tr")).to_have_count(1)
    plain.get_by_role("link", name="PLAIN-1", exact=True).click()
    expect(plain.get_by_role("heading", name="PLAIN-1")).to_be_visible()
    plain.get_by_label("Add a note").fill("Came by post.")
    plain.get_by_role("button", name="Add note").click()
    expect(plain.locator(".notes")).to_contain_text("Came by post.")
    expect(plain.locator(".card")).to_contain_text("plain.png")


def focus_next(page: Page, name: str, value: str | None = None) -> None:
    """Tab on until the field or button has the focus; whatever gets it on the way is in view, with a ring."""
    for _ in range(40):
        page.keyboard.press("Tab")
        here = page.evaluate(IN_VIEW)
        assert here["inside"] and here["seen"] and here["ring"], here
        if here["name"].startswith(name) and value in (None, here["value"]):
            return
    raise AssertionError(f"Tab never came to {name}")


def test_the_panel_works_at_200_percent_by_keyboard_alone(reader: Page, scans: list[int]) -> None:
    """A window of 1440 by 900 pixels at 200 % is 720 by 450; Tab, Space, arrows and Enter are all the keys used."""
    reader.set_viewport_size({"width": 720, "height": 450})
    reader.goto(f"/predictions/{scans[3]}/")
    expect(reader.locator("[data-part=readout]")).to_contain_text("C ")
    reader.locator("#review-title").evaluate("title => { title.tabIndex = -1; title.focus(); }")
    focus_next(reader, "finding")
    reader.keyboard.press("Space")
    expect(reader.get_by_label("Tumor", exact=False).first).to_be_checked()
    focus_next(reader, "tumor_type")
    reader.keyboard.type("menin")
    focus_next(reader, "confidence")
    focus_next(reader, "comment")
    reader.keyboard.type("A small one, sure.")
    focus_next(reader, "Mark on the image")
    reader.keyboard.press("Enter")
    for key in ("ArrowRight", "ArrowDown", "Enter"):
        reader.keyboard.press(key)
    expect(reader.get_by_text("A location is marked on the image.")).to_be_visible()
    expect(reader.locator("[data-part=stage]")).to_be_focused()
    reader.keyboard.press("Escape")
    reader.locator("[data-review-comment]").focus()
    focus_next(reader, "action", "sign")
    reader.keyboard.press("Enter")
    row = reader.locator("#review .reading").first
    expect(row).to_contain_text("Tumor, meningioma")
    expect(row).to_contain_text("A small one, sure.")
    expect(reader.locator("line.mark-location")).to_have_count(2)
    assert reader.evaluate("document.documentElement.scrollWidth") <= 720
