"""The viewer in headless Chromium on the real site: by mouse, keys and touch, two scans side by side, and how smooth it
is on a series of 300 slices.
"""

import re
from collections.abc import Iterator
from statistics import median
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Page, expect

from tests import builders
from tests.verification.client import Client
from tests.verification.services import PASSWORD, Site

SLICES, SIDE = 300, 512
FRAMES = 120
MEDIAN, MOST = 16.0, 50.0
"""Milliseconds of work that a frame may take, at the median and at the 95th percentile."""

MEASURE = """async ({kind, frames}) => {
  const stage = document.querySelector("[data-part=stage]");
  const canvas = document.querySelector("[data-part=canvas]");
  const box = stage.getBoundingClientRect();
  const at = (x, y) => ({bubbles: true, cancelable: true, clientX: box.left + x, clientY: box.top + y, pointerId: 1});
  stage.setPointerCapture = () => {};  // these pointers are not real
  const send = {
    page: (n) => stage.dispatchEvent(new WheelEvent("wheel", {...at(300, 200), deltaY: n % 60 < 30 ? 100 : -100})),
    window: (n) => stage.dispatchEvent(new PointerEvent("pointermove", at(300 + 2 * (n % 40), 200 + (n % 30)))),
    zoom: (n) => stage.dispatchEvent(
      new WheelEvent("wheel", {...at(310, 220), ctrlKey: true, deltaY: n % 40 < 20 ? -9 : 9})),
  }[kind];
  if (kind === "window") stage.dispatchEvent(new PointerEvent("pointerdown", {...at(300, 200), button: 0}));
  const work = [], between = [];
  const real = window.requestAnimationFrame;
  let drawing = 0;
  window.requestAnimationFrame = (draw) => real((time) => {
    const start = performance.now();
    draw(time);
    canvas.getContext("2d").getImageData(0, 0, 1, 1);  // waits until the canvas is really painted
    drawing += performance.now() - start;
  });
  let last = await new Promise(real);
  for (let n = 0; n < frames; n += 1) {
    drawing = 0;
    const start = performance.now();
    send(n);
    const handling = performance.now() - start;
    const now = await new Promise(real);
    work.push(handling + drawing);
    between.push(now - last);
    last = now;
  }
  window.requestAnimationFrame = real;
  if (kind === "window") stage.dispatchEvent(new PointerEvent("pointerup", at(300, 200)));
  return {work, between};
}"""
"""Sends an event a frame. `work`: milliseconds of handling it, drawing and painting; `between`: from frame to frame."""


def plane(number: int, *, side: int) -> NDArray[np.uint16]:
    """A phantom with 12 bits and noise, which gets darker towards both ends of the series."""
    head = np.kron(builders.phantom(128, seed=number % 5), np.ones((side // 128, side // 128))) * 12
    noise = np.random.default_rng(number).normal(0, 12, head.shape)
    return np.asarray(np.clip(head * (0.4 + 0.6 * np.sin(np.pi * number / SLICES)) + noise, 0, 4095), np.uint16)


def taken(site: Site, name: str, files: list[bytes], case: str) -> dict[str, Any]:
    """The scan that these files make. What the model says of it is of no interest here."""
    client = Client(site.url, site.token())
    archive = builders.zipped({f"{name}{n:04}": data for n, data in enumerate(files)})
    status, receipt = client.upload((f"{name}.zip", archive), case=case)
    assert status == 201, receipt
    [scan] = receipt["scans"]
    client.post(f"/api/v1/predictions/{scan['prediction']['id']}/cancel/")
    return dict(scan)


@pytest.fixture(scope="module")
def series(site: Site) -> dict[str, Any]:
    planes = [plane(number, side=256) for number in range(40)]
    tags = {"WindowCenter": 900, "WindowWidth": 1800}
    return taken(site, "A", builders.dicom_series(40, planes=planes, thickness=4, **tags), "VIEWER")


@pytest.fixture
def reader(page: Page) -> Iterator[Page]:
    page.goto("/login/")
    page.get_by_label("User name").or_(page.get_by_label("Username")).fill("admin")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/history/")
    yield page


def opened(page: Page, scan: dict[str, Any]) -> None:
    page.goto(f"/predictions/{scan['prediction']['id']}/")
    expect(page.locator("[data-part=readout]")).to_have_text(re.compile("^C "))


def middle(page: Page) -> tuple[float, float]:
    box = page.locator("[data-part=stage]").first.bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def bounds(page: Page) -> str:
    return page.locator("[data-part=readout]").inner_text()


def test_wheel_mouse_and_keys(reader: Page, series: dict[str, Any]) -> None:
    opened(reader, series)
    number, readout = reader.locator("[data-part=number]"), reader.locator("[data-part=readout]")
    expect(number).to_have_text("Slice 21 of 40")
    x, y = middle(reader)
    reader.mouse.move(x, y)
    for notch, slice in ((100, 22), (120, 23), (-100, 22)):
        reader.mouse.wheel(0, notch)
        expect(number).to_have_text(f"Slice {slice} of 40")
    for key, slice in (("Home", 1), ("PageDown", 11), ("ArrowDown", 12), ("ArrowUp", 11), ("End", 40)):
        reader.keyboard.press(key)
        expect(number).to_have_text(f"Slice {slice} of 40")
    first = "C 900 W 1800"
    expect(readout).to_have_text(first)
    reader.mouse.down()
    reader.mouse.move(x + 80, y + 20, steps=4)
    reader.mouse.up()
    expect(readout).not_to_have_text(first)
    dragged = bounds(reader)
    reader.mouse.wheel(0, -100)  # the window stays while slices turn
    expect(number).to_have_text("Slice 39 of 40")
    expect(readout).to_have_text(dragged)
    reader.keyboard.press("z")
    expect(readout).to_have_text(f"{dragged} · 3.0 ×")
    reader.keyboard.press("0")
    expect(readout).to_have_text(first)
    reader.keyboard.press("]")
    expect(readout).not_to_have_text(first)
    reader.locator("[data-part=window]").select_option("full")
    reader.reload()
    expect(reader.locator("[data-part=window]")).to_have_value("full")  # remembered
    reader.locator("[data-part=window]").select_option("file-0")


def test_a_distance_in_millimeters_and_a_location(reader: Page, series: dict[str, Any]) -> None:
    opened(reader, series)
    for key in ("d", "ArrowRight", "Enter", *["ArrowRight"] * 10, "Enter"):
        reader.keyboard.press(key)
    expect(reader.locator(".mark-text")).to_have_text("25.6 mm")  # a tenth of 256 pixels of 1 mm
    reader.keyboard.press("Delete")
    expect(reader.locator(".mark-text")).to_have_count(0)
    reader.evaluate("document.addEventListener('viewer:location', event => { window.placed = event.detail; })")
    reader.keyboard.press("x")
    reader.mouse.click(*middle(reader))
    placed = reader.evaluate("window.placed")
    assert (placed["x"], placed["y"]) == pytest.approx((0.5, 0.5), abs=0.01)
    assert (placed["slice"], placed["box"]) == (20, None)
    reader.keyboard.press("Escape")
    expect(reader.locator("[data-viewer]")).to_have_attribute("data-mode", "")


def test_an_image_has_windows_and_no_millimeters(reader: Page, site: Site) -> None:
    image = builders.png_bytes(builders.phantom(256).astype(np.uint16) * 100)
    opened(reader, taken(site, "P", [image], "VIEWER"))
    before = bounds(reader)
    reader.keyboard.press("]")
    expect(reader.locator("[data-part=readout]")).not_to_have_text(before)
    for key in ("d", "ArrowRight", "Enter", "ArrowDown", "Enter"):
        reader.keyboard.press(key)
    expect(reader.locator(".mark-text")).to_have_text("Size unknown: the file gives no pixel spacing")


def test_fingers_turn_slices_enlarge_and_move(reader: Page, series: dict[str, Any]) -> None:
    fingers = reader.context.new_cdp_session(reader)
    fingers.send("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 2})
    dense = {"width": 1440, "height": 900, "deviceScaleFactor": 2, "mobile": False}
    fingers.send("Emulation.setDeviceMetricsOverride", dense)
    opened(reader, series)
    sharp = reader.locator("[data-part=canvas]").evaluate("canvas => canvas.width / canvas.clientWidth")
    assert sharp == pytest.approx(2, abs=0.01)  # a dense screen has two pixels for each of the page's
    x, y = middle(reader)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        at = [{"x": px, "y": py, "id": n} for n, (px, py) in enumerate(points)]
        fingers.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": at})

    touch("Start", (x, y))
    for step in range(1, 7):
        touch("Move", (x - 20 * step, y))
    touch("End")
    expect(reader.locator("[data-part=number]")).to_have_text("Slice 26 of 40")  # 120 pixels of 24 a slice
    touch("Start", (x - 50, y), (x + 50, y))
    for step in range(1, 6):
        touch("Move", (x - 50 - 10 * step, y), (x + 50 + 10 * step, y))
    touch("End")
    expect(reader.locator("[data-part=readout]")).to_have_text(re.compile(r"2\.0 ×$"))
    box = reader.locator("[data-part=stage]").bounding_box()
    touch("Start", (x, y))
    touch("Move", (x + 40, y))
    touch("End")
    expect(reader.locator("[data-part=number]")).to_have_text("Slice 26 of 40")  # an enlarged image moves instead
    assert box == reader.locator("[data-part=stage]").bounding_box()  # and the page stays


def test_a_volume_is_seen_in_every_plane(reader: Page, site: Site, series: dict[str, Any]) -> None:
    opened(reader, series)
    expect(reader.locator("[data-part=planes]")).to_be_hidden()  # 4 mm from slice to slice, 1 mm a pixel
    opened(reader, taken(site, "V", [builders.nifti_bytes(32, size=64, thickness=1.0, lowest=-16)], "VIEWER"))
    expect(reader.get_by_role("button", name="Axial")).to_have_attribute("aria-pressed", "true")
    number, top = reader.locator("[data-part=number]"), reader.locator(".edge-top")
    for plane, edge, count in (("Coronal", "H", 64), ("Sagittal", "H", 64), ("Axial", "A", 32)):
        reader.keyboard.press("t")
        expect(reader.get_by_role("button", name=plane)).to_have_attribute("aria-pressed", "true")
        expect(number).to_have_text(re.compile(f"of {count}$"))
        expect(top).to_have_text(edge)


def test_two_scans_side_by_side(reader: Page, site: Site, series: dict[str, Any]) -> None:
    planes = [plane(2 * number, side=128) for number in range(20)]
    other = taken(site, "B", builders.dicom_series(20, planes=planes, thickness=8), "VIEWER")
    opened(reader, other)
    reader.get_by_role("link", name="Compare").click()
    reader.goto(re.sub(r"\?.*", f"?a={series['id']}&b={other['id']}", reader.url))
    expect(reader.locator("[data-part=linked-by]")).to_contain_text("by how far they lie through each stack")
    left, right = (reader.locator("[data-part=number]").nth(index) for index in (0, 1))
    for readout in reader.locator("[data-part=readout]").all():
        expect(readout).to_have_text(re.compile("^C "))
    reader.keyboard.press("Home")
    expect(right).to_have_text("Slice 1 of 20")
    reader.keyboard.press("End")
    expect(left).to_have_text("Slice 40 of 40")
    expect(right).to_have_text("Slice 20 of 20")
    reader.get_by_label("Slices linked").uncheck()
    reader.keyboard.press("Home")
    expect(left).to_have_text("Slice 1 of 40")
    expect(right).to_have_text("Slice 20 of 20")
    reader.get_by_label("Slices linked").check()
    reader.keyboard.press("z")
    for readout in reader.locator("[data-part=readout]").all():
        expect(readout).to_have_text(re.compile("3.0 ×$"))


def test_three_hundred_slices_are_smooth(reader: Page, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    planes = [plane(number, side=SIDE) for number in range(SLICES)]
    long = taken(site, "L", builders.dicom_series(SLICES, planes=planes, WindowCenter=900, WindowWidth=1800), "LONG")
    opened(reader, long)
    reader.evaluate(MEASURE, {"kind": "page", "frames": 60})
    reader.wait_for_load_state("networkidle")  # the slices are there: what is measured is the drawing of them
    for kind in ("page", "window", "zoom"):
        for _ in range(3):  # something else may have kept the machine busy
            found = reader.evaluate(MEASURE, {"kind": kind, "frames": FRAMES})
            work, between = sorted(found["work"]), sorted(found["between"])
            most, apart = work[int(0.95 * len(work))], between[int(0.95 * len(between))]
            with capsys.disabled():
                print(f"\n{kind:6}: work {median(work):5.1f} ms, p95 {most:5.1f}; frames {median(between):5.1f} ms "
                      f"apart, p95 {apart:5.1f}")  # fmt: skip
            if smooth := median(work) <= MEDIAN and most <= MOST:
                break
        assert smooth, kind
        expect(reader.locator("[data-part=readout]")).to_have_text(re.compile("^C "))
