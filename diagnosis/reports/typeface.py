"""The typeface of PDF reports, and which characters it can print.

DejaVu Sans has Latin, Greek, Cyrillic, Armenian, Georgian and many symbols. Scripts that are written from right to left
or whose letters join need a layout engine that ReportLab lacks, so their letters, too, are shown as MISSING, and the
report says so.
"""

import unicodedata
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

REGULAR, BOLD = "DejaVuSans", "DejaVuSans-Bold"
MISSING = "□"

_FOLDER = Path(__file__).with_name("fonts")
_RIGHT_TO_LEFT = {"R", "AL", "AN"}


@cache
def register() -> None:
    """Make both styles known to ReportLab, as a family, so that <b> works in paragraphs."""
    for name in (REGULAR, BOLD):
        pdfmetrics.registerFont(TTFont(name, _FOLDER / f"{name}.ttf"))
    pdfmetrics.registerFontFamily(REGULAR, normal=REGULAR, bold=BOLD, italic=REGULAR, boldItalic=BOLD)


@cache
def _glyphs() -> frozenset[int]:
    register()
    return frozenset(pdfmetrics.getFont(REGULAR).face.charToGlyph)


@dataclass(slots=True)
class Printable:
    """Replaces what cannot be printed, and remembers which characters those were."""

    replaced: set[str] = field(default_factory=set)

    def __call__(self, text: str) -> str:
        """The text with MISSING for each character that cannot be printed. Line breaks stay."""
        return "".join(map(self._one, unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\t", " ")))

    def _one(self, character: str) -> str:
        if character == "\n":
            return character
        known = ord(character) in _glyphs() and unicodedata.bidirectional(character) not in _RIGHT_TO_LEFT
        # Cc and Cf are invisible, and some of them turn the order of the text around.
        if known and unicodedata.category(character) not in ("Cc", "Cf", "Zl", "Zp"):
            return character
        self.replaced.add(character)
        return MISSING

    @property
    def note(self) -> str:
        """What to say below the texts; "" if all could be printed."""
        if not self.replaced:
            return ""
        codes = ", ".join(f"U+{ord(character):04X}" for character in sorted(self.replaced)[:8])
        more = f" and {len(self.replaced) - 8} more" if len(self.replaced) > 8 else ""
        return (
            f"{MISSING} stands for characters that this report cannot print ({codes}{more}). "
            "The page of the result shows the text whole."
        )
