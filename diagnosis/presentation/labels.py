"""How a prediction is said to people: its word, its icon, its number, and what the number means.

Said in one place, so that the worklist, a status fragment and the result page never word the same thing differently.
"""

from dataclasses import dataclass
from typing import Any

from django.db.models import BooleanField, Case, Q, QuerySet, Value, When

from diagnosis.models import Prediction, SliceResult
from diagnosis.models.prediction import Outcome, State


@dataclass(frozen=True, slots=True)
class Verdict:
    """One outcome or state, as shown. `kind` picks the color, `icon` the symbol: never color alone."""

    kind: str
    word: str
    headline: str
    icon: str


_VERDICTS: dict[str, Verdict] = {
    Outcome.TUMOR: Verdict("tumor", "Tumor", "Tumor likely", "tumor"),
    Outcome.NO_TUMOR: Verdict("no-tumor", "No tumor", "No tumor seen", "no-tumor"),
    "uncertain": Verdict("uncertain", "Uncertain", "Uncertain", "uncertain"),
    State.REFUSED: Verdict("refused", "Refused", "Not judged", "refused"),
    State.FAILED: Verdict("failed", "Failed", "Analysis failed", "failed"),
    State.CANCELED: Verdict("canceled", "Canceled", "Canceled", "canceled"),
    State.QUEUED: Verdict("queued", "Waiting", "Waiting for its turn", "clock"),
    State.RUNNING: Verdict("running", "Running", "Being analyzed", "spinner"),
}


@dataclass(frozen=True, slots=True)
class Behavior:
    """What a tumor type usually does, with the source that says so."""

    sentence: str
    source: str


_WHO = "WHO Classification of Tumours of the Central Nervous System, 5th ed., 2021"

BEHAVIORS = {
    "glioma": Behavior(
        "Gliomas range from benign and slow-growing to highly malignant: they span CNS WHO grades 1 to 4.",
        _WHO,
    ),
    "meningioma": Behavior(
        "Meningiomas span CNS WHO grades 1 to 3 and are mostly benign: about 80 % are grade 1.",
        f"{_WHO}; Central Brain Tumor Registry of the United States (CBTRUS)",
    ),
    "pituitary": Behavior(
        "Pituitary neuroendocrine tumors (PitNET, formerly adenomas) are mostly benign; WHO assigns them no grade.",
        _WHO,
    ),
}


def verdict(prediction: Prediction) -> Verdict:
    """The outcome once there is one, the state until then. Where the model is unsure, that is the outcome."""
    if prediction.uncertain:
        return _VERDICTS["uncertain"]
    return _VERDICTS[prediction.outcome if prediction.state == State.DONE else prediction.state]


@dataclass(frozen=True, slots=True)
class Said:
    """Of one slice: `kind` picks the color, `says` tells it in words."""

    kind: str
    says: str


def slice_verdict(result: SliceResult | None) -> Said:
    """What a run says of a slice, in a few words; None: nothing yet."""
    if result is None:
        return Said("queued", "Not analyzed yet")
    if result.outcome == Outcome.REFUSED or result.tumor_probability is None:
        return Said("refused", f"Not judged: {(result.gate or {}).get('message') or 'no slice of a brain'}")
    shown = _VERDICTS["uncertain" if result.uncertain else result.outcome]
    return Said(shown.kind, f"{shown.word} {percent(result.tumor_probability)}")


def reach(prediction: Prediction) -> str:
    """How far evidence goes through a series, such as `slices 14 to 19 of 40, about 30 mm`; "" where there is none."""
    extent = (prediction.series or {}).get("extent")
    if not extent:
        return ""
    first, last = extent
    count, spacing = last - first + 1, prediction.scan.spacing
    where = f"slice {first + 1}" if count == 1 else f"slices {first + 1} to {last + 1}"
    long = f", about {count * spacing:.0f} mm" if spacing else ""
    return f"{where} of {prediction.scan.frames}{long}"


def band(prediction: Prediction) -> tuple[float, float] | None:
    """The lowest and the highest probability that the prediction's model calls uncertain; None where it has no band."""
    low, high = _rules(prediction, "calibration").get("uncertain") or (0.0, 0.0)
    return (low, high) if low < high else None


def threshold(prediction: Prediction) -> float | None:
    """From which probability on the prediction's model says tumor; series have one of their own."""
    if prediction.series is not None:
        return _rules(prediction, "series").get("threshold")
    return prediction.model_version.manifest.get("threshold") if prediction.model_version else None


def _rules(prediction: Prediction, of_pictures: str) -> dict[str, Any]:
    manifest = prediction.model_version.manifest if prediction.model_version else {}
    return manifest.get("series" if prediction.series is not None else of_pictures) or {}


def sides(prediction: Prediction) -> str:
    """How the picture lies in the patient, as far as the file says."""
    words = {"L": "the patient's left", "R": "the patient's right", "A": "the front", "P": "the back"}
    words |= {"H": "the head", "F": "the feet"}
    letters = prediction.scan.letters
    if len(letters) != 4 or not set(letters) <= set(words):
        return "Sides are those of the picture. Which side of the patient it shows is not known."
    return f"The picture's right is {words[letters[1]]}, its upper edge {words[letters[2]]}."


def percent(share: float) -> str:
    """`93 %`, without decimals. What would round to certainty says `> 99 %` or `< 1 %` instead."""
    rounded = round(share * 100)
    if rounded >= 100:
        return "> 99 %"
    if rounded <= 0:
        return "< 1 %"
    return f"{rounded} %"


def of_hundred(share: float) -> str:
    """The sentence that gives a calibrated probability its meaning."""
    rounded = round(share * 100)
    count = "more than 99" if rounded >= 100 else "fewer than 1" if rounded <= 0 else f"about {rounded}"
    return f"Of 100 scans scored like this, {count} {'shows' if rounded == 1 else 'show'} a tumor."


def score(prediction: Prediction) -> str:
    """Short number beside the outcome: a percentage if the model is calibrated, else the bare score."""
    value = prediction.tumor_probability
    if value is None:
        return ""
    return percent(value) if is_calibrated(prediction) else bare(value)


def bare(value: float) -> str:
    """A score as it is, `0.93`; like a percentage, it never shows a certainty that rounding made up."""
    return "> 0.99" if value >= 0.995 else "< 0.01" if value < 0.005 else f"{value:.2f}"


def is_calibrated(prediction: Prediction) -> bool:
    """Whether the score may be called a probability; taken from `with_calibration` where lists were loaded by it."""
    known = getattr(prediction, "calibrated", None)
    if known is not None:
        return bool(known)
    return prediction.model_version is not None and prediction.model_version.calibrated


def with_calibration(rows: QuerySet[Prediction]) -> QuerySet[Prediction]:
    """Annotate `calibrated`, so that lists need not load each row's whole manifest to know it."""
    present = Q(model_version__manifest__calibration__isnull=False) & ~Q(model_version__manifest__calibration=None)
    return rows.annotate(
        calibrated=Case(When(present, then=Value(True)), default=Value(False), output_field=BooleanField())
    )
