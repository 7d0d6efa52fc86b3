"""Sentences for images that cannot be shown: what is missing, and what is still valid.

Pages contain them hidden, and a script shows one where the browser failed to load an image.
"""

from django.http import Http404

IMAGE = "The image cannot be shown because its file could not be read; what is written here still holds."
IMAGES = "Some images cannot be shown because their files could not be read; what is written here still holds."
MAP = "The evidence map cannot be shown because its file could not be read; box, numbers and words still hold."
FILE = "The file is missing from the storage, or damaged; what the site says of the scan still holds."

SENTENCES = {"image": IMAGE, "images": IMAGES, "map": MAP}
"""By the name under which templates ask for them."""


class FileMissing(Http404):
    """The row is there, and the user may see it, but its file is gone or can no longer be read."""

    def __init__(self) -> None:
        super().__init__(FILE)
