"""File names are hostile text. We keep one so that people recognize their file; it never names a stored file."""

import unicodedata
from pathlib import PurePosixPath

MAX_LENGTH = 255


def clean_name(name: str | None) -> str:
    """The last path component of `name`: NFC, at most 255 characters, no control or formatting characters.

    A name that is too long keeps its extension. Names that are empty or all dots become "unnamed".
    """
    text = unicodedata.normalize("NFC", name or "").replace("\\", "/")
    text = "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
    text = text.rsplit("/", 1)[-1].strip()
    if not text.strip("."):
        return "unnamed"
    if len(text) > MAX_LENGTH:
        suffix = PurePosixPath(text).suffix[:16]
        text = text[: MAX_LENGTH - len(suffix)] + suffix
    return text
