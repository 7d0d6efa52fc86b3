"""Reports as PDF, on A4.

No text from people or files becomes markup. With the same contents and origin the bytes are the same. ReportLab writes
no tags, so a screen reader gets title, language and the text in reading order, but no structure; the result page has
it.
"""

import io
from collections.abc import Iterator
from functools import partial
from typing import Any

from PIL import Image as Pillow
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.platypus import Flowable, KeepTogether, PageBreak, Paragraph, Spacer, Table, TableStyle
from reportlab.platypus.doctemplate import BaseDocTemplate, PageTemplate
from reportlab.platypus.frames import Frame

from diagnosis.presentation import missing
from diagnosis.reports import pdf_images
from diagnosis.reports.contents import NOTICE, CaseReport, Images, Origin, ScanReport
from diagnosis.reports.numbered import NumberedCanvas
from diagnosis.reports.readings import Reading, moment
from diagnosis.reports.typeface import BOLD, REGULAR, Printable, register

MARGIN = 18 * mm
WIDTH = A4[0] - 2 * MARGIN
_GAP = 6 * mm
_IMAGE = (WIDTH - _GAP) / 2
_TALLEST = 66 * mm
_SOFT, _LINE = HexColor("#51606d"), HexColor("#c3cbd3")

_BODY = ParagraphStyle("body", fontName=REGULAR, fontSize=9, leading=12, spaceAfter=2, splitLongWords=1)
_SMALL = ParagraphStyle("small", parent=_BODY, fontSize=7.5, leading=10, textColor=_SOFT)
_CELL = ParagraphStyle("cell", parent=_BODY, fontSize=8, leading=10.5, spaceAfter=0)
_TITLE = ParagraphStyle("title", parent=_BODY, fontName=BOLD, fontSize=15, leading=19, spaceAfter=3)
_HEADING = ParagraphStyle(
    "heading", parent=_BODY, fontName=BOLD, fontSize=10.5, leading=14, spaceBefore=7, keepWithNext=1
)
_FINDING = ParagraphStyle("finding", parent=_BODY, fontName=BOLD, keepWithNext=1)
_OUTCOME = ParagraphStyle("outcome", parent=_BODY, fontName=BOLD, fontSize=12, leading=16, keepWithNext=1)


def of_scan(report: ScanReport, *, origin: Origin) -> bytes:
    """The report on one prediction."""
    words = _Words()
    body = [*_title(words, "Report of a scan", origin), *_scan(words, report)]
    return _written([*_missing(words), *body], origin, title=f"Case {report.case}, scan {report.scan}")


def of_case(report: CaseReport, *, origin: Origin) -> bytes:
    """The report on a part of a case: a table of its scans, then each on a page of its own."""
    words = _Words()
    body = [*_title(words, f"Report of case {report.case}", origin), *_overview(words, report)]
    for scan in report.scans:
        body += [PageBreak(), words(scan.scan, _TITLE), *_scan(words, scan)]
    return _written([*_missing(words), *body], origin, title=f"Case {report.case}")


class _Words:
    """Makes paragraphs of plain text."""

    def __init__(self) -> None:
        self.printable = Printable()

    def __call__(self, text: str, style: ParagraphStyle = _BODY) -> Paragraph:
        return Paragraph(self.printable.markup(text), style)


def _title(words: _Words, title: str, origin: Origin) -> list[Flowable]:
    made = f"Made {moment(origin.made)} by {origin.user}" + (f" · {origin.address}" if origin.address else "")
    return [words(title, _TITLE), words(made, _SMALL), Spacer(0, 2 * mm)]


def _scan(words: _Words, report: ScanReport) -> Iterator[Flowable]:
    yield _facts(words, [
        ("Case", report.case), ("Scan", report.scan),
        ("Uploaded", f"{moment(report.uploaded)}, case of {report.owner}"),
        ("Model", report.model), ("Result of", moment(report.finished) or "no result"),
    ])  # fmt: skip
    yield Spacer(0, 4 * mm)
    yield _shown(words, report.images)
    yield words("Finding and signature", _HEADING)
    yield words(report.reading_text)
    for reading in report.readings:
        yield from _reading(words, reading)
    yield words("What the model says", _HEADING)
    yield words(report.headline + (f": {report.score}" if report.score else ""), _OUTCOME)
    if report.score:
        yield words(f"{report.score_name}, by {report.model}", _SMALL)
    for sentence in report.sentences:
        yield words(sentence)
    if report.where:
        yield KeepTogether([words("Where the evidence lies", _HEADING), *map(words, report.where)])
    if report.types:
        types = ", ".join(f"{name} {fraction}" for name, fraction in report.types)
        yield KeepTogether([
            words("Type, if it is a tumor", _HEADING), words(types), *(words(one, _SMALL) for one in report.behavior)
        ])  # fmt: skip
    yield KeepTogether([words("How it was made", _HEADING), _facts(words, report.facts)])


def _reading(words: _Words, reading: Reading) -> Iterator[Flowable]:
    yield words(reading.finding_text, _OUTCOME if reading.holds else _FINDING)
    for sentence in reading.sentences:
        yield words(sentence)
    yield words(reading.signature, _SMALL)


def _facts(words: _Words, rows: Any) -> Table:
    cells = [[words(name, _SMALL), words(value, _CELL)] for name, value in rows]
    table = Table(cells, colWidths=[32 * mm, WIDTH - 32 * mm])
    table.setStyle(TableStyle([
        ("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("TOPPADDING", (0, 0), (-1, -1), 1.5), ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5),
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, _LINE),
    ]))  # fmt: skip
    return table


def _shown(words: _Words, shown: Images) -> Flowable:
    """The image without and with the map, side by side."""
    try:
        images = [(pdf_images.plain(shown.preview), shown.caption)]
        if shown.evidence:
            images.append((pdf_images.mapped(shown.preview, shown.evidence), shown.map_caption))
    except OSError:
        return words(missing.IMAGE)
    cells = [[_Jpeg(data), words(caption, _SMALL)] for data, caption in images]
    table = Table([cells], colWidths=[_IMAGE + _GAP if len(cells) == 2 else WIDTH, _IMAGE][: len(cells)])
    table.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)]))
    return table


class _Jpeg(Flowable):  # type: ignore[misc]  # ReportLab has no types
    """An image as large as its place allows. ReportLab's own flowable keeps each decoded until the file is written."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        with Pillow.open(io.BytesIO(data)) as image:
            scale = min(_IMAGE / image.width, _TALLEST / image.height)
            self.width, self.height = image.width * scale, image.height * scale
        self._data = data

    def wrap(self, *available: float) -> tuple[float, float]:
        return self.width, self.height

    def draw(self) -> None:
        reader = ImageReader(io.BytesIO(self._data))
        self.canv.drawImage(reader, 0, 0, self.width, self.height)
        del reader.jpeg_fh  # its own method: a circle, which would keep the decoded pixels, too


def _overview(words: _Words, report: CaseReport) -> Iterator[Flowable]:
    count = f"{report.total} scan{'' if report.total == 1 else 's'}"
    yield _facts(
        words, [("Case", report.case), ("Owner", report.owner), ("Opened", moment(report.opened)), ("Scans", count)]
    )
    if report.parts > 1:
        last = report.first + len(report.scans) - 1
        yield Spacer(0, 2 * mm)
        yield words(
            f"This file is part {report.part} of {report.parts}: scans {report.first} to {last} of {report.total}. "
            "The other parts are files of their own, at the same address with another part=."
        )
    yield words("Scans", _HEADING)
    head = [words(name, _SMALL) for name in ("Scan", "Uploaded", "Model says", "Readers say")]
    body = [
        [
            words(one.scan, _CELL),
            words(moment(one.uploaded), _CELL),
            words(f"{one.headline} {one.score}".strip(), _CELL),
            words(one.signed.finding_text if one.signed else one.reading_text, _CELL),
        ]
        for one in report.scans
    ]
    table = Table([head, *body], colWidths=[WIDTH * 0.32, WIDTH * 0.2, WIDTH * 0.2, WIDTH * 0.28], repeatRows=1)
    table.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LINEBELOW", (0, 0), (-1, -1), 0.4, _LINE)]))
    yield table


def _missing(words: _Words) -> list[Flowable]:
    """What of the words made so far could not be printed: it stands first, so nobody takes a part for the whole."""
    note = words.printable.note
    return [Paragraph(note, _SMALL), Spacer(0, 2 * mm)] if note else []


def _written(flow: list[Flowable], origin: Origin, *, title: str) -> bytes:
    register()
    plain = Printable()  # metadata are no paragraphs
    buffer = io.BytesIO()
    document = BaseDocTemplate(
        buffer, pagesize=A4, leftMargin=MARGIN, rightMargin=MARGIN, topMargin=21 * mm, bottomMargin=20 * mm,
        title=plain(title), author=plain(origin.user), subject=NOTICE, creator="brainscan",
        lang="en", invariant=1, initialFontName=REGULAR,
    )  # fmt: skip
    frame = Frame(document.leftMargin, document.bottomMargin, document.width, document.height, 0, 0, 0, 0)
    document.addPageTemplates(PageTemplate(frames=[frame]))
    foot = f"Made {moment(origin.made)} by {origin.user}"
    document.build(flow, canvasmaker=partial(NumberedCanvas, heading=title, foot=foot))
    return buffer.getvalue()
