"""The typeface of PDF reports, and which characters it can print.

DejaVu Sans has Latin, Greek, Cyrillic, Armenian, Georgian and many symbols. Scripts that are written from right to left
or whose letters join need a layout engine that ReportLab lacks, so their letters, too, are shown as MISSING, and the
report says so. Chinese, Japanese and Korean need none, only a font, which a site may name (REPORT_FONT): one for all
of them has megabytes.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape

from django.conf import settings
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

REGULAR, BOLD = "DejaVuSans", "DejaVuSans-Bold"
WIDE = "Wide"
"""The font of REPORT_FONT."""
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
def _glyphs(name: str) -> frozenset[int]:
    register()
    return frozenset(pdfmetrics.getFont(name).face.charToGlyph)


@cache
def _wide_glyphs(path: str) -> frozenset[int]:
    if not path:
        return frozenset()
    pdfmetrics.registerFont(TTFont(WIDE, path))
    return frozenset(pdfmetrics.getFont(WIDE).face.charToGlyph)


@dataclass(slots=True)
class Printable:
    """Replaces what cannot be printed, and remembers which characters those were."""

    replaced: set[str] = field(default_factory=set)

    def __call__(self, text: str) -> str:
        """The text with MISSING for each character that REGULAR cannot print. Line breaks stay."""
        return "".join(one if self._is_known(one) else self._missing(one) for one in _normal(text))

    def markup(self, text: str) -> str:
        """The text as a paragraph's markup, in which wide characters are printed in the font for them."""
        wide = _wide_glyphs(settings.REPORT_FONT)
        marked = []
        for one in _normal(text):
            if self._is_known(one):
                marked.append("<br/>" if one == "\n" else escape(one))
            elif unicodedata.east_asian_width(one) in ("W", "F") and ord(one) in wide:
                marked.append(f'<font name="{WIDE}">{one}</font>')
            else:
                marked.append(self._missing(one))
        return re.sub(f'</font><font name="{WIDE}">', "", "".join(marked))

    def _is_known(self, character: str) -> bool:
        if character == "\n":
            return True
        known = ord(character) in _glyphs(REGULAR) and unicodedata.bidirectional(character) not in _RIGHT_TO_LEFT
        # Cc and Cf are invisible, and some of them turn the order of the text around.
        return known and unicodedata.category(character) not in ("Cc", "Cf", "Zl", "Zp")

    def _missing(self, character: str) -> str:
        self.replaced.add(character)
        return MISSING

    @property
    def note(self) -> str:
        """The note below the texts; "" if all could be printed."""
        if not self.replaced:
            return ""
        codes = ", ".join(f"U+{ord(character):04X}" for character in sorted(self.replaced)[:8])
        more = f" and {len(self.replaced) - 8} more" if len(self.replaced) > 8 else ""
        return (
            f"{MISSING} stands for characters that this report cannot print ({codes}{more}). "
            "The page of the result shows the text whole."
        )


def _normal(text: str) -> str:
    return unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\t", " ")
