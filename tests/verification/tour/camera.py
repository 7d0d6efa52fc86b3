"""Takes a picture of a page as a reader sees it, and keeps it small."""

import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

SIZES = {"desk": (1280, 800), "phone": (390, 844)}
QUALITY = 70  # of WebP: letters of 14 pixels stay sharp, and sixty pictures take less than 3 MB
TALLEST = 1600  # pixels; what is below is more of the same


_RENAME = """names => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode())
    for (const [real, shown] of Object.entries(names))
      texts.currentNode.data = texts.currentNode.data.replaceAll(real, shown);
}"""


def rename_folders(page: Page, names: dict[str, str]) -> None:
    """Show folders under the names of an installed site's. names: by the folder of the machine that runs the tour."""
    page.evaluate(_RENAME, names)


def take(page: Page, file: Path, *, whole: bool = False) -> None:
    """Write the window, or the whole page from its top, as WebP."""
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(400)  # what is drawn after the last answer: the viewer's canvas, fonts
    data = page.screenshot(full_page=whole, animations="disabled", caret="hide")
    image = Image.open(io.BytesIO(data)).convert("RGB")
    image.crop((0, 0, image.width, min(image.height, TALLEST))).save(file, "WEBP", quality=QUALITY, method=6)
