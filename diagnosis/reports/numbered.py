"""The frame of a report's pages: what it is about above, the notice and the page's number below."""

import unicodedata
from typing import Any

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph

from diagnosis.reports.contents import NOTICE
from diagnosis.reports.typeface import BOLD, REGULAR, Printable

_SIDE = 18 * mm
_SIZE = 8
_LINE, _INK = HexColor("#c3cbd3"), HexColor("#22303c")

_HEADING = ParagraphStyle("heading", fontName=BOLD, fontSize=_SIZE, leading=_SIZE * 1.2, textColor=_INK)


class NumberedCanvas(Canvas):  # type: ignore[misc]  # ReportLab has no types
    """Draws heads and feet last, because the number of pages is known only then.

    heading: on the left above; cut where it is too long. foot: on the left below, beside `page x of y`.
    """

    def __init__(self, *args: Any, heading: str, foot: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.setViewerPreference("DisplayDocTitle", "true")
        self._heading, self._foot = heading, foot
        self._pages: list[dict[str, Any]] = []

    def showPage(self) -> None:
        self._pages.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        for page in self._pages:
            self.__dict__.update(page)
            self._frame(len(self._pages))
            super().showPage()
        super().save()

    def _frame(self, pages: int) -> None:
        width, height = A4
        self.saveState()
        self.setFillColor(_INK)
        self.setStrokeColor(_LINE)
        self.setLineWidth(0.5)
        room = width - 2 * _SIDE - 22 * mm
        heading = Paragraph(Printable().markup(cut(self._heading, room)), _HEADING)
        heading.wrap(room + 4 * mm, _SIZE)
        heading.drawOn(self, _SIDE, height - 15 * mm)
        self.setFont(REGULAR, _SIZE)
        self.drawRightString(width - _SIDE, height - 14 * mm, "brainscan")
        self.line(_SIDE, height - 17 * mm, width - _SIDE, height - 17 * mm)
        self.line(_SIDE, 17 * mm, width - _SIDE, 17 * mm)
        self.drawString(_SIDE, 12.5 * mm, NOTICE)
        self.drawString(_SIDE, 8.5 * mm, Printable()(cut(self._foot, width - 2 * _SIDE - 30 * mm)))
        self.drawRightString(width - _SIDE, 12.5 * mm, f"page {self.getPageNumber()} of {pages}")
        self.restoreState()


def cut(text: str, room: float) -> str:
    """The text, shortened in its middle to fit into `room` points: the ends of names tell more."""
    text = " ".join(text.split())
    if _length(text) <= room:
        return text
    half = len(text) // 2
    while half > 1 and _length(f"{text[:half]}…{text[-half:]}") > room:
        half -= 1
    return f"{text[:half]}…{text[-half:]}"


def _length(text: str) -> float:
    """In points. A wide character is as wide as high."""
    wide = sum(unicodedata.east_asian_width(one) in ("W", "F") for one in text)
    return float(stringWidth(text, BOLD, _SIZE)) + wide * _SIZE
