"""What a positive or negative result means at this site: predictive values at the site's prevalence.

A calibrated probability holds for a mix of scans like that of the data it was fitted on, in which most show a tumor.
Where few do, more of the positive results are false.
"""

from dataclasses import dataclass
from typing import Any

from django.conf import settings

from diagnosis.models import Prediction
from diagnosis.models.prediction import Outcome
from ml.percent import percent


@dataclass(frozen=True, slots=True)
class Figures:
    """A model version's sensitivity and specificity with their 95 % intervals, and what they were measured on."""

    sensitivity: float
    specificity: float
    intervals: tuple[tuple[float, float] | None, tuple[float, float] | None]
    measured_on: str
    tumors: float | None = None
    """Fraction of those scans that show a tumor."""


def positive(*, sensitivity: float, specificity: float, prevalence: float) -> float:
    """Of all scans called tumor, the fraction that show one (Bayes' theorem). All are fractions, 0 to 1."""
    true, false = sensitivity * prevalence, (1 - specificity) * (1 - prevalence)
    return true / (true + false) if true + false else 0.0


def negative(*, sensitivity: float, specificity: float, prevalence: float) -> float:
    """Of all scans called no tumor, the fraction that show none."""
    return positive(sensitivity=specificity, specificity=sensitivity, prevalence=1 - prevalence)


def sentences(prediction: Prediction) -> tuple[str, ...]:
    """What the result means at PREVALENCE, and the figures behind it. Empty if the site has not set it, the result is
    uncertain or none, or the model version was not measured on such scans."""
    prevalence, figures = settings.PREVALENCE, of_model(prediction)
    if prevalence is None or figures is None or prediction.uncertain:
        return ()
    rates = {"sensitivity": figures.sensitivity, "specificity": figures.specificity, "prevalence": prevalence}
    if prediction.outcome == Outcome.TUMOR:
        meaning = f"of 100 called tumor, about {_count(positive(**rates))} show one"
    elif prediction.outcome == Outcome.NO_TUMOR:
        meaning = f"of 100 called no tumor, about {_count(1 - negative(**rates))} show one all the same"
    else:
        return ()
    mix = (
        f" The number above counts for a mix like the model's test data, of which {percent(figures.tumors)} do."
        if figures.tumors
        else ""
    )
    return (
        f"At this site {percent(prevalence)} of the scans show a tumor. There, {meaning}.{mix}",
        f"From sensitivity {_figure(figures.sensitivity, figures.intervals[0])} and specificity "
        f"{_figure(figures.specificity, figures.intervals[1])}, measured on {figures.measured_on}.",
    )


def of_model(prediction: Prediction) -> Figures | None:
    """The figures of the version that made a prediction, for single images or for series; None if it has none."""
    manifest = prediction.model_version.manifest if prediction.model_version else {}
    metrics = manifest.get("metrics") or {}
    if prediction.series is not None:
        found = ((metrics.get("series") or {}).get("test") or {}).get("all")
        unit, counted = "series", "series"
    else:
        found = ((metrics.get("test") or {}).get("sources") or {}).get("pooled")
        unit, counted = "images", "n"
    sensitivity, specificity = ((found or {}).get(name) or {} for name in ("sensitivity", "specificity"))
    if found is None or sensitivity.get("value") is None or specificity.get("value") is None:
        return None
    return Figures(
        sensitivity["value"],
        specificity["value"],
        (_interval(sensitivity), _interval(specificity)),
        f"the {found[counted]:,} test {unit} of the model card",
        tumors=found["tumor"] / found["n"] if found.get("tumor") and found.get("n") else None,
    )


def _interval(figure: dict[str, Any]) -> tuple[float, float] | None:
    low_high = figure.get("interval")
    return (low_high[0], low_high[1]) if low_high else None


def _figure(value: float, interval: tuple[float, float] | None) -> str:
    return percent(value) + (f" ({percent(interval[0])} to {percent(interval[1])})" if interval else "")


def _count(fraction: float) -> str:
    rounded = round(fraction * 100)
    return "fewer than 1" if rounded < 1 else "more than 99" if rounded > 99 else str(rounded)
