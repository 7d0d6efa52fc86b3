"""Numbers and words for predictions and slices."""

import pytest

from diagnosis.models import Prediction, Scan
from diagnosis.models.prediction import Outcome
from diagnosis.presentation import labels
from ml.percent import percent
from ml.readers.dicom import slice_order


@pytest.mark.parametrize(
    ("fraction", "text", "sentence"),
    [
        (0.93, "93 %", "about 93 show"),
        (0.999, "> 99 %", "more than 99 show"),
        (0.001, "< 1 %", "fewer than 1 show"),
        (0.01, "1 %", "about 1 shows"),
    ],
)
def test_a_probability_never_claims_certainty(fraction: float, text: str, sentence: str) -> None:
    assert percent(fraction) == text
    assert sentence in labels.per_hundred(fraction)


@pytest.mark.parametrize(("score", "text"), [(0.93, "0.93"), (0.9991, "> 0.99"), (0.001, "< 0.01"), (0.5, "0.50")])
def test_a_plain_score_never_claims_certainty(score: float, text: str) -> None:
    assert labels.plain_score(score) == text


@pytest.mark.parametrize(
    ("extent", "spacing", "text"),
    [([13, 18], 5.0, "slices 14 to 19 of 40, about 30 mm"), ([13, 13], None, "slice 14 of 40"), (None, 5.0, "")],
)
def test_the_extent_counts_slices_from_one(extent: list[int] | None, spacing: float | None, text: str) -> None:
    scan = Scan(frames=40, spacing=spacing)
    prediction = Prediction(scan=scan, series={"extent": extent})
    assert labels.extent(prediction) == text


@pytest.mark.parametrize("offsets", [[0, 5, 15, 20], [0, 5, 12, 17, 22]])
def test_no_length_is_counted_from_slices_at_uneven_distances(offsets: list[float]) -> None:
    scan = Scan(frames=40, spacing=5.0, notes=["Gray values: stored values.", *slice_order.spacing_notes(offsets)])
    assert labels.even_spacing(scan) is None
    assert labels.extent(Prediction(scan=scan, series={"extent": [13, 18]})) == "slices 14 to 19 of 40"


def test_uncertain_goes_before_the_outcome() -> None:
    prediction = Prediction(outcome=Outcome.TUMOR, uncertain=True)
    assert labels.status_label(prediction).word == "Uncertain"
