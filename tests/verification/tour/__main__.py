"""Retake the pictures of docs/tour.md: start a site, fill it, photograph it, stop it.

python -m tests.verification.tour [--only NAME,NAME] [FOLDER]
"""

import argparse
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, StorageState, sync_playwright

from tests.verification.services import CHROMIUM_ARGUMENTS, PASSWORD, ROOT, chromium, running_site
from tests.verification.tour import camera
from tests.verification.tour.scenes import SCENES, Scene
from tests.verification.tour.stage import Stage, filled

PATIENCE = 120_000  # milliseconds for a page, on a machine that does much else
FOLDER = ROOT / "docs" / "tour"
_ARCHIVE = "http://127.0.0.1:9/dicom-web"  # named so that its page is offered; nothing is asked of it


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.verification.tour", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER, metavar="FOLDER")
    parser.add_argument("--only", default="", metavar="NAME,NAME", help="scenes to take (default: all)")
    options = parser.parse_args()
    only = set(filter(None, options.only.split(",")))
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, running_site(Path(scratch) / "data", DICOMWEB_URL=_ARCHIVE) as site:
        site.url = site.url.replace("127.0.0.1", "localhost")  # browsers have no passkeys at a number
        stage = filled(site)
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=chromium(), args=CHROMIUM_ARGUMENTS)
            logins: dict[str, StorageState] = {}
            for scene in SCENES:
                if not only or scene.name in only:
                    shoot(browser, stage, scene, options.folder, logins)
                    print(scene.name, flush=True)
            browser.close()
    if not only:
        for file in options.folder.glob("*.webp"):
            if file.stem not in {scene.name for scene in SCENES}:
                file.unlink()


def shoot(browser: Browser, stage: Stage, scene: Scene, folder: Path, logins: dict[str, StorageState]) -> None:
    """Go to the scene in a window of its own, and write its picture. logins: cookies by person, for all scenes."""
    if scene.who and scene.who not in logins:
        logins[scene.who] = log_in(browser, stage.site.url, scene.who)
    width, height = camera.SIZES[scene.size]
    context = browser.new_context(
        base_url=stage.site.url,
        viewport={"width": width, "height": height},
        has_touch=scene.size == "phone",
        storage_state=logins.get(scene.who or ""),
    )
    context.set_default_timeout(PATIENCE)
    context.add_init_script(f"localStorage.setItem('theme', '{scene.theme}')")
    page = context.new_page()
    page.goto(scene.path.format(p=stage.predictions, c=stage.cases, s=stage.scans))
    if scene.act:
        scene.act(page, stage)
    camera.rename_folders(page, {str(stage.site.data_dir): "/srv/brainscan/var", str(ROOT): "/srv/brainscan"})
    camera.take(page, folder / f"{scene.name}.webp", whole=scene.whole)
    context.close()


def log_in(browser: Browser, url: str, name: str) -> StorageState:
    """The cookies of a person who has logged in."""
    context = browser.new_context(base_url=url)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto("/login/")
    page.fill("#id_username", name)
    page.fill("#id_password", PASSWORD)
    page.click("main button")
    page.wait_for_url("**/history/", wait_until="domcontentloaded")
    state = context.storage_state()
    context.close()
    return state


if __name__ == "__main__":
    main()
