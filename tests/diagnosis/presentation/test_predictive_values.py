"""Predictive values at the site's prevalence."""

from typing import Any

import pytest

from diagnosis.models import ModelVersion, Prediction
from diagnosis.models.prediction import Outcome
from diagnosis.presentation import predictive_values

FIGURES: dict[str, Any] = {
    "sensitivity": {"value": 0.9, "interval": [0.85, 0.94]},
    "specificity": {"value": 0.8, "interval": None},
    "n": 500,
    "tumor": 300,
}
SERIES = {"series": 40, **{name: FIGURES[name] for name in ("sensitivity", "specificity")}}
MANIFEST = {"metrics": {"test": {"sources": {"pooled": FIGURES}}, "series": {"test": {"all": SERIES}}}}


def prediction(outcome: str, manifest: dict[str, Any] = MANIFEST, **fields: Any) -> Prediction:
    return Prediction(outcome=outcome, model_version=ModelVersion(manifest=manifest), **fields)


def test_bayes_by_counting() -> None:
    """Of 1,000 scans 50 show a tumor: 45 of them and 190 others are called tumor; 5 of 765 others are missed."""
    known = {"sensitivity": 0.9, "specificity": 0.8, "prevalence": 0.05}
    assert predictive_values.positive(**known) == pytest.approx(45 / 235)
    assert predictive_values.negative(**known) == pytest.approx(760 / 765)
    assert predictive_values.positive(sensitivity=0.0, specificity=1.0, prevalence=0.5) == 0.0


def test_a_result_says_what_it_means_here(settings: Any) -> None:
    settings.PREVALENCE = 0.05
    meaning, source = predictive_values.sentences(prediction(Outcome.TUMOR))
    assert meaning.startswith(
        "At this site 5 % of the scans show a tumor. There, of 100 called tumor, about 19 show one."
    )
    assert "of which 60 % do" in meaning
    assert source == (
        "From sensitivity 90 % (85 % to 94 %) and specificity 80 %, measured on the 500 test images of the model card."
    )
    meaning, _ = predictive_values.sentences(prediction(Outcome.NO_TUMOR))
    assert "of 100 called no tumor, about 1 show one all the same" in meaning


def test_a_series_has_figures_of_its_own(settings: Any) -> None:
    settings.PREVALENCE = 0.05
    meaning, source = predictive_values.sentences(prediction(Outcome.TUMOR, series={}))
    assert "the 40 test series" in source
    assert "mix" not in meaning


@pytest.mark.parametrize(
    ("prevalence", "row"),
    [
        (None, prediction(Outcome.TUMOR)),
        (0.05, prediction(Outcome.TUMOR, uncertain=True)),
        (0.05, prediction(Outcome.REFUSED)),
        (0.05, prediction(Outcome.TUMOR, manifest={})),
        (0.05, Prediction(outcome=Outcome.TUMOR)),
    ],
    ids=["not set", "uncertain", "refused", "not measured", "no version"],
)
def test_nothing_is_said_where_nothing_is_known(settings: Any, prevalence: float | None, row: Prediction) -> None:
    settings.PREVALENCE = prevalence
    assert predictive_values.sentences(row) == ()
