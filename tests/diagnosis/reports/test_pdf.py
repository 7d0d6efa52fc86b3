"""PDF reports, read again."""

import gc
import io
import weakref
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image
from pypdf import PdfReader

from diagnosis.models import Prediction
from diagnosis.presentation import missing
from diagnosis.reports import contents, pdf, pdf_images, typeface
from diagnosis.reports.contents import NOTICE, Origin
from diagnosis.reports.numbered import NumberedCanvas
from diagnosis.reports.typeface import MISSING
from tests.builders import phantom, png_bytes
from tests.diagnosis.reports.conftest import ORIGIN, Make, Reads, made
from tests.factories import CaseFactory, ModelVersionFactory, PredictionFactory

pytestmark = pytest.mark.django_db
HOSTILE = "<b>x</b> & <img src='/etc/passwd'/> <a href=\"javascript:1\">y</a> %s {{ z }} ]]>"


def opened(data: bytes) -> PdfReader:
    return PdfReader(io.BytesIO(data), strict=True)


def text(data: bytes) -> str:
    """The words of all pages, without line breaks, as lines break anywhere."""
    return " ".join(" ".join(page.extract_text() for page in opened(data).pages).split())


def squeezed(data: bytes) -> str:
    return text(data).replace(" ", "")


def test_it_says_what_was_judged_by_what_and_who_made_it(make: Make) -> None:
    report = make()
    said = text(pdf.of_scan(report, origin=ORIGIN))
    for part in (
        f"Case {report.case}, scan axial_12.png", "Made 2025-03-04 05:06:07 UTC by ada", ORIGIN.address,
        "Tumor likely: 93 %", "Of 100 scans scored like this, about 93 show a tumor.", report.model, report.owner,
        "glioma 81 %, meningioma 14 %, pituitary 5 %", "An image cannot grade a tumor.",
        "of the image. The box holds", "page 1 of 1",
    ):  # fmt: skip
        assert part in said


def test_every_page_has_the_notice_its_number_and_its_subject(make: Make) -> None:
    pages = opened(pdf.of_scan(make(scan__notes=["A long note. " * 400]), origin=ORIGIN)).pages
    assert len(pages) > 1
    for number, page in enumerate(pages, 1):
        said = page.extract_text()
        assert NOTICE in said
        assert f"page {number} of {len(pages)}" in said
        assert "scan axial_12.png" in said


def test_the_image_stands_there_with_and_without_the_map(make: Make) -> None:
    [page] = opened(pdf.of_scan(make(), origin=ORIGIN)).pages
    images = [image.image for image in page.images if image.image is not None]
    assert {(image.mode, image.size) for image in images} == {("L", (96, 96)), ("RGB", (96, 96))}
    [page] = opened(pdf.of_scan(make(evidence=None), origin=ORIGIN)).pages
    assert len(page.images) == 1


def test_no_image_stays_decoded_until_the_file_is_written(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    alive = []
    drawn = NumberedCanvas.drawImage

    def noted(self: Any, reader: Any, *args: Any) -> None:
        drawn(self, reader, *args)
        alive.append(weakref.ref(reader))

    monkeypatch.setattr(NumberedCanvas, "drawImage", noted)
    gc.disable()
    try:
        pdf.of_scan(make(), origin=ORIGIN)
        assert [reader() for reader in alive] == [None, None]
    finally:
        gc.enable()


@pytest.mark.parametrize("left", [None, b"", b"no image", png_bytes(phantom(96))[:900]])
def test_an_image_that_is_gone_or_damaged_is_one_sentence(make: Make, left: bytes | None) -> None:
    report = make()
    default_storage.delete(report.images.preview)
    if left is not None:
        default_storage.save(report.images.preview, ContentFile(left))
    said = text(pdf.of_scan(report, origin=ORIGIN))
    assert (said.count(missing.IMAGE), said.count("cannot be shown")) == (1, 1)
    assert "Tumor likely: 93 %" in said


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"uncertain": True, "tumor_probability": 0.5}, "Uncertain: 50 %"),
        ({"uncertain": True, "tumor_probability": 0.5}, "from 30 % to 70 % this model says neither tumor nor no tumor"),
        ({"outcome": "no_tumor", "tumor_probability": 0.1}, "No tumor seen: 10 %"),
        (
            {"outcome": "no_tumor", "tumor_probability": 0.1},
            "Not an all-clear: the model looked at this one image only",
        ),
        ({"trained_on": True}, "This scan was used to train the model."),
        ({"state": "refused"}, "Not judged The image is one flat shade"),
        ({"state": "failed"}, "Analysis failed The analysis failed unexpectedly."),
        ({"state": "canceled"}, "Canceled The analysis was canceled"),
    ],
)
def test_each_outcome_in_words(make: Make, fields: dict[str, Any], said: str) -> None:
    assert said in text(pdf.of_scan(make(**fields), origin=ORIGIN))


def test_a_bare_score_is_not_called_a_probability(make: Make) -> None:
    said = text(pdf.of_scan(make(model_version=ModelVersionFactory()), origin=ORIGIN))
    assert "Tumor likely: 0.93 Model score" in said
    assert "Not a calibrated probability" in said
    assert "Probability" not in said


def test_without_a_signature(make: Make) -> None:
    assert "Finding and signature Not signed: no reader has signed a finding." in text(
        pdf.of_scan(make(), origin=ORIGIN)
    )


def test_a_signed_finding(reads: Reads, reader: User) -> None:
    reader.first_name, reader.last_name = "Rita", "Levi"
    prediction = made()
    place = {"x0": 0.5, "y0": 0.2, "x1": 0.75, "y1": 0.4}
    opinion = {"tumor_type": "glioma", "confidence": "high", "comment": "Ring, edema.\n<b>Compare</b> T2."}
    review = reads(prediction, mode="blind_first", **opinion, **place)
    said = text(pdf.of_scan(contents.of_prediction(prediction, reviews=[review]), origin=ORIGIN))
    for part in (
        "Finding and signature Signed. Tumor, glioma", "Confidence: high.", "Ring, edema. <b>Compare</b> T2.",
        "Where: upper right quarter of the image, a box from 50 % across, 20 % down to 75 % across, 40 % down.",
        "Signed by Rita Levi (reader), 2025-03-05 06:07:08 UTC, before seeing what the model says.",
    ):  # fmt: skip
        assert part in said


def test_the_earlier_text_of_an_amendment_stays(reads: Reads) -> None:
    prediction = made()
    first = reads(prediction, comment="A small one.", current=False)
    second = reads(prediction, finding="no_tumor", amends=first, reason="It is a vessel.")
    said = text(pdf.of_scan(contents.of_prediction(prediction, reviews=[first, second]), origin=ORIGIN))
    assert said.index("Amended because: It is a vessel.") < said.index("A small one.")
    assert said.count("Replaced by a later amendment.") == 1


@pytest.mark.parametrize(
    ("others", "reading_text"),
    [
        ([{"state": "draft", "comment": "Only a draft."}], "Not signed: no reader has signed a finding."),
        ([{"state": "committed"}], "Not final: readers have recorded a finding, but a signature is missing."),
        ([{}, {"finding": "no_tumor"}], "Not final: the readers disagree, and nobody has decided between them yet."),
        ([{"readings_required": 2}], "Not final: readers have recorded a finding, but a signature is missing."),
    ],
)
def test_a_report_that_is_not_final_says_so(
    reads: Reads, reader: User, user: User, others: list[dict[str, Any]], reading_text: str
) -> None:
    prediction = made()
    rows = [reads(prediction, reader=person, **fields) for person, fields in zip((reader, user), others, strict=False)]
    said = text(pdf.of_scan(contents.of_prediction(prediction, reviews=rows), origin=ORIGIN))
    assert f"Finding and signature {reading_text}" in said
    assert "Only a draft." not in said


def test_a_comment_longer_than_a_page_is_printed_whole(reads: Reads) -> None:
    prediction = made()
    comment = " ".join(f"word{n}" for n in range(430))[:4000]
    said = text(
        pdf.of_scan(contents.of_prediction(prediction, reviews=[reads(prediction, comment=comment)]), origin=ORIGIN)
    )
    assert all(word in said for word in comment.split())


def test_hostile_text_stays_text(make: Make) -> None:
    data = pdf.of_scan(make(scan__name=HOSTILE, scan__notes=[HOSTILE]), origin=Origin(HOSTILE, ORIGIN.made))
    assert squeezed(data).count(HOSTILE.replace(" ", "")) == 3
    assert not any("/Annots" in page for page in opened(data).pages)


def test_a_long_name_without_blanks_fits(make: Make) -> None:
    data = pdf.of_scan(make(scan__name="m" * 255), origin=ORIGIN)
    assert "m" * 255 in squeezed(data)


def test_other_alphabets_are_printed_or_said_to_be_missing(make: Make) -> None:
    said = text(pdf.of_scan(make(scan__name="Schädel Ελλάδα Голова.png"), origin=ORIGIN))
    assert "Schädel Ελλάδα Голова.png" in said
    assert MISSING not in said
    said = text(pdf.of_scan(make(scan__name="脑 \u202egnp.exe ראש.png"), origin=ORIGIN))
    assert f"{MISSING} {MISSING}gnp.exe {MISSING}" in said
    assert "characters that this report cannot print (U+05D0, U+05E8, U+05E9, U+202E, U+8111)" in said


def test_wide_characters_are_printed_in_the_font_for_them(
    make: Make, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A font with a few wide characters replaces a Chinese one; the usual font is made to lack them."""
    plain = typeface._glyphs(typeface.REGULAR)
    monkeypatch.setattr(typeface, "_glyphs", lambda name: plain - {ord("☔"), ord("☕")})
    report = make(scan__name="a<☔☕ש.png")
    assert f"a<{MISSING * 3}.png" in text(pdf.of_scan(report, origin=ORIGIN))
    settings.REPORT_FONT = str(typeface._FOLDER / "DejaVuSans.ttf")
    said = text(pdf.of_scan(report, origin=ORIGIN))
    assert said.count(f"a<☔☕{MISSING}.png") == 2  # above, and in the table
    assert "cannot print (U+05E9)." in said


def test_the_same_contents_are_the_same_bytes(make: Make) -> None:
    report = make()
    assert pdf.of_scan(report, origin=ORIGIN) == pdf.of_scan(report, origin=ORIGIN)


def test_title_and_language_are_in_the_file(make: Make) -> None:
    report = make()
    reader = opened(pdf.of_scan(report, origin=ORIGIN))
    assert reader.metadata is not None
    assert reader.metadata.title == f"Case {report.case}, scan axial_12.png"
    assert (reader.metadata.author, reader.metadata.subject) == ("ada", NOTICE)
    root: Any = reader.trailer["/Root"]
    assert (root["/Lang"], root["/ViewerPreferences"]["/DisplayDocTitle"]) == ("en", True)


class TestCase:
    def predictions(self, count: int) -> list[Prediction]:
        case, version = CaseFactory(reference="CA-2041"), ModelVersionFactory()
        return [PredictionFactory(scan__case=case, scan__name=f"s{n}.png", model_version=version) for n in range(count)]

    def test_a_table_and_a_page_for_each_scan(self) -> None:
        rows = self.predictions(3)
        report = contents.of_case(rows[0].scan.case, rows, total=3, part=1, size=50)
        pages = opened(pdf.of_case(report, origin=ORIGIN)).pages
        assert len(pages) == 4
        first = pages[0].extract_text()
        assert "Report of case CA-2041" in first
        assert all(f"s{n}.png" in first and f"s{n}.png" in pages[n + 1].extract_text() for n in range(3))
        assert "part" not in first

    def test_the_table_says_who_signed_what(self, reads: Reads) -> None:
        [row] = self.predictions(1)
        signed = {row.scan_id: [reads(row, tumor_type="meningioma")]}
        report = contents.of_case(row.scan.case, [row], total=1, part=1, size=50, reviews=signed)
        assert "Tumor, meningioma" in opened(pdf.of_case(report, origin=ORIGIN)).pages[0].extract_text()

    def test_a_part_of_a_long_case_says_so(self) -> None:
        rows = self.predictions(2)
        report = contents.of_case(rows[0].scan.case, rows, total=9, part=2, size=4)
        said = text(pdf.of_case(report, origin=ORIGIN))
        assert "This file is part 2 of 3: scans 5 to 6 of 9." in said


def test_images_are_small_whatever_the_preview_is(make: Make) -> None:
    report = make(scan__preview=ContentFile(png_bytes(phantom(800)), "x"))
    for data in (
        pdf_images.plain(report.images.preview),
        pdf_images.mapped(report.images.preview, report.images.evidence or {}),
    ):
        assert Image.open(io.BytesIO(data)).size == (pdf_images.MAX_SIDE, pdf_images.MAX_SIDE)
        assert len(data) < 300_000
    with pytest.raises(ValueError, match="no evidence"):
        pdf_images.mapped(report.images.preview, {})
