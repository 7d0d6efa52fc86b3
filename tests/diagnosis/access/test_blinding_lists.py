"""What the lists of `selectors` hold for a reader who is to commit an opinion first."""

from typing import Any

import pytest

from diagnosis.access import selectors
from diagnosis.models import Slice, SliceResult
from tests.factories import PredictionFactory, ReviewFactory, ScanFactory

pytestmark = pytest.mark.django_db


def outcomes(person: Any) -> list[str]:
    """Of the prediction, in a list and in its scan's history, and of its slice."""
    scan: Any  # with a `history`
    [row], [scan] = selectors.predictions(person), selectors.scans_with_history(person)
    return [
        row.outcome,
        *(run.outcome for run in scan.history),
        *(one.outcome for one in selectors.slice_results(person)),
    ]


def test_results_and_readings_of_others_show_once_an_opinion_is_committed(
    settings: Any, user: Any, reader: Any
) -> None:
    settings.READING_MODE = "blind_first"
    run = PredictionFactory(scan=ScanFactory(case__owner=user, frames=1), outcome="no_tumor", tumor_probability=0.1)
    row = Slice.objects.create(scan=run.scan, index=0, pixel_sha256="a" * 64)
    SliceResult.objects.create(prediction=run, slice=row, outcome="no_tumor", tumor_probability=0.1)
    theirs = ReviewFactory(scan=run.scan, reader=reader)
    assert outcomes(reader) == ["no_tumor"] * 3
    assert outcomes(user) == ["", ""]
    assert list(selectors.reviews(user)) == []
    own = ReviewFactory(scan=run.scan, reader=user)
    assert outcomes(user) == ["no_tumor"] * 3
    assert list(selectors.reviews(user)) == [own, theirs]
