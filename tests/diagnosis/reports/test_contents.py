"""What a report says of a series, and of a scan without a result."""

import pytest
from django.core.files.base import ContentFile

from diagnosis.models import Slice
from diagnosis.reports import contents, readings
from tests.builders import phantom, png_bytes
from tests.diagnosis.reports.conftest import Reads, made
from tests.factories import digest

pytestmark = pytest.mark.django_db
SUMMARY = {"accepted": 38, "top": [17], "extent": [14, 21], "runs": [[14, 21]]}


def test_a_series_shows_its_strongest_slice_and_says_where_it_points() -> None:
    prediction = made(scan__frames=40, scan__spacing=5.0, series=SUMMARY, progress=40)
    image = ContentFile(png_bytes(phantom(96)), "x")
    key = Slice.objects.create(
        scan=prediction.scan, index=17, preview=image, thumbnail=image, pixel_sha256=digest("slice")
    )
    prediction.key_slice = key
    report = contents.of_prediction(prediction)
    assert (report.images.preview, report.images.caption) == (key.preview.name, "Slice 18 of 40")
    assert report.images.map_caption.startswith("Slice 18 of 40 with the evidence: strongest in the ")
    assert "slices 15 to 22 of 40" in " ".join(report.where)
    assert ("File", "PNG, 40 slices of 96 × 96 px, 5.0 mm apart") in report.facts


def test_a_series_without_strongest_slice_shows_its_middle_one() -> None:
    prediction = made(scan__frames=40, state="refused")
    report = contents.of_prediction(prediction)
    assert (report.images.preview, report.images.caption) == (prediction.scan.preview.name, "Middle slice")
    assert report.images.evidence is None and report.where == ()


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_scan_in_progress_says_so(state: str) -> None:
    report = contents.of_prediction(made(state=state))
    assert report.sentences == ("The scan is still being analyzed: there is no result yet.",)
    assert (report.score, report.types) == ("", ())


def test_a_hidden_result_says_what_to_do_first() -> None:
    prediction = made()
    prediction.blinded = True
    assert contents.of_prediction(prediction).sentences == (readings.HIDDEN,)


def test_an_uncertain_result_states_no_type() -> None:
    assert contents.of_prediction(made(uncertain=True)).types == ()


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ({}, ""),
        ({"x0": 0.1, "y0": 0.9}, "lower left quarter of the image, at 10 % across, 90 % down"),
        (
            {"x0": 0.25, "y0": 0.25, "x1": 0.75, "y1": 0.75, "slice_index": 3},
            "slice 4 of 40, middle of the image, a box from 25 % across, 25 % down to 75 % across, 75 % down",
        ),
    ],
)
def test_the_readers_place_in_words(reads: Reads, place: dict[str, float], words: str) -> None:
    prediction = made(scan__frames=40)
    [reading] = contents.of_prediction(prediction, reviews=[reads(prediction, **place)]).readings
    assert reading.location == words


def test_the_reading_that_holds_comes_first(reads: Reads) -> None:
    prediction = made()
    rows = [reads(prediction, current=False), reads(prediction, finding="no_tumor")]
    shown = contents.of_prediction(prediction, reviews=rows).readings
    assert [(one.finding, one.holds) for one in shown] == [("no_tumor", True), ("tumor", False)]


def test_a_reading_before_slices_were_added_says_so(reads: Reads) -> None:
    prediction = made(scan__frames=40)
    review = reads(prediction, pixel_sha256="0" * 64, x0=0.1, y0=0.9, slice_index=3)
    [reading] = contents.of_prediction(prediction, reviews=[review]).readings
    assert reading.outdated and reading.signature.endswith("Slices were added since, and are not judged in it.")
    assert reading.location.startswith("slice 4 before slices were added, lower left quarter of the image")
