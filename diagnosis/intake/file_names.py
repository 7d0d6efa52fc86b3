"""File names are hostile text. What is kept of one is for people to recognize it by; it never names a stored file."""

import unicodedata
from pathlib import PurePosixPath

MAX_LENGTH = 255


def clean_name(name: str | None) -> str:
    """The last path part of `name`, normalized (NFC), at most 255 long, without control characters.

    A name that is too long keeps its ending. Empty names become "unnamed".
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
