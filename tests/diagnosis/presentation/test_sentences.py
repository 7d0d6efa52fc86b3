"""No two sentences of one result contradict each other."""

from itertools import product
from typing import Any

import pytest
from django.template.loader import render_to_string

from diagnosis.models import Case, ModelVersion, Prediction, Scan
from diagnosis.models.prediction import Outcome, State
from diagnosis.presentation import sentences

TYPES = {"glioma": 0.995, "meningioma": 0.003, "pituitary": 0.002}
BANDS: dict[str, Any] = {
    "calibration": {"uncertain": [0.2, 0.6]},
    "series": {"threshold": 0.4, "uncertain": [0.2, 0.8]},
    "threshold": 0.2,
}
QUIET: dict[str, Any] = {"runs": [], "extent": None, "accepted": 38}
TWO_RUNS: dict[str, Any] = {"runs": [[11, 17], [30, 30]], "extent": [11, 17], "accepted": 38}


def prediction(
    outcome: str, *, uncertain: bool = False, calibrated: bool = True, series: Any = None, typed: bool = True
) -> Prediction:
    frames = 1 if series is None else 40
    row = Prediction(
        pk=1,
        scan=Scan(pk=1, frames=frames, case=Case(pk=1)),
        model_version=ModelVersion(manifest=BANDS if calibrated else {"threshold": 0.2}),
        state=State.DONE,
        outcome=outcome,
        uncertain=uncertain,
        tumor_probability=0.4 if uncertain else 0.93 if outcome == Outcome.TUMOR else 0.04,
        type_probabilities=TYPES if typed else None,
        series=series,
        progress=frames,
    )
    row.calibrated = calibrated  # type: ignore[attr-defined]
    return row


def page(row: Prediction) -> str:
    parts = ("result_outcome", "result_done")
    return " ".join(
        "".join(render_to_string(f"diagnosis/_fragments/{part}.html", {"p": row}) for part in parts).split()
    )


@pytest.mark.parametrize("series", [None, QUIET, TWO_RUNS], ids=["image", "quiet series", "series"])
@pytest.mark.parametrize(
    ("outcome", "uncertain", "calibrated", "typed"),
    list(product([Outcome.TUMOR, Outcome.NO_TUMOR], [False, True], [False, True], [False, True])),
)
def test_sentences_on_a_page_do_not_contradict_each_other(
    outcome: str, uncertain: bool, calibrated: bool, typed: bool, series: Any
) -> None:
    text = page(prediction(outcome, uncertain=uncertain, calibrated=calibrated, series=series, typed=typed))
    tumor, none = (outcome == each and not uncertain for each in (Outcome.TUMOR, Outcome.NO_TUMOR))
    assert ("A person has to decide" in text) == uncertain
    assert ("Type, if it is a tumor" in text) == (tumor and typed)
    assert ("&gt; 99 %" in text or "&gt; 0.99" in text) == (tumor and typed)
    assert ("Not an all-clear" in text) == none
    assert ("threshold" in text) == (not calibrated and series is None)
    if series is not None:
        assert ("the series is uncertain" in text) == uncertain
        assert ("Taken together they do not" in text) == (none and bool(series["runs"]))
        assert ("Taken together they do." in text) == (tumor and not series["runs"])


def test_every_run_is_named() -> None:
    row = prediction(Outcome.TUMOR, series=TWO_RUNS)
    assert sentences.series(row)[:2] == (
        "By themselves, slices 12 to 18 and 31 of 40 point to a tumor.",
        "The strongest evidence extends over slices 12 to 18 of 40.",
    )
    assert "slices 12 to 18 and 31 of 40" in page(row)


def test_a_result_from_before_runs_were_recorded_names_the_one_it_knows() -> None:
    row = prediction(Outcome.TUMOR, series={"extent": [3, 3], "accepted": 9})
    assert sentences.series(row)[0] == "By itself, slice 4 of 40 points to a tumor."


def test_no_slice_is_named_by_a_number_that_may_be_anothers_since_slices_came() -> None:
    row = prediction(Outcome.TUMOR, series=TWO_RUNS | {"top": [12, 11]})
    assert "Strongest slices" in page(row)
    row.progress = 30
    [text] = sentences.series(row)
    assert "covers 30 of 40." in text
    assert "slices 12 to 18" not in page(row) and "Strongest slices" not in page(row)


def test_slices_that_have_left_are_not_said_to_have_arrived() -> None:
    row = prediction(Outcome.TUMOR, series=TWO_RUNS)
    row.progress = 42
    [text] = sentences.series(row)
    assert text.startswith("2 slices have left this scan since") and "arrived" not in page(row)
    assert "38 of 42 slices were judged" in page(row)
    row.progress = 41
    assert sentences.series(row)[0].startswith("1 slice has left this scan since")
