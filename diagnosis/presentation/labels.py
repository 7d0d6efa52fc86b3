"""Words, icons and numbers for predictions and slices.

Pages, status fragments, the admin and reports all take their wording from here, so that one result never reads
differently in two places.
"""

from dataclasses import dataclass
from typing import Any

from django.db.models import BooleanField, Case, Q, QuerySet, Value, When

from diagnosis.models import ModelVersion, Prediction, Scan, SliceResult
from diagnosis.models.prediction import Outcome, State
from ml.percent import percent
from ml.readers import gaps


@dataclass(frozen=True, slots=True)
class StatusLabel:
    """How an outcome, or the state until there is one, is shown.

    status: names the color in the style sheets. icon: a symbol of the sprite, so that color is never the only sign.
    """

    status: str
    word: str
    headline: str
    icon: str


_STATUS_LABELS: dict[str, StatusLabel] = {
    Outcome.TUMOR: StatusLabel("tumor", "Tumor", "Tumor likely", "tumor"),
    Outcome.NO_TUMOR: StatusLabel("no-tumor", "No tumor", "No tumor seen", "no-tumor"),
    "uncertain": StatusLabel("uncertain", "Uncertain", "Uncertain", "uncertain"),
    "blinded": StatusLabel("blinded", "Not read yet", "Read it first", "hidden"),
    State.REFUSED: StatusLabel("refused", "Refused", "Not judged", "refused"),
    State.FAILED: StatusLabel("failed", "Failed", "Analysis failed", "failed"),
    State.CANCELED: StatusLabel("canceled", "Canceled", "Canceled", "canceled"),
    State.QUEUED: StatusLabel("queued", "Waiting", "Waiting for its turn", "clock"),
    State.RUNNING: StatusLabel("running", "Running", "Being analyzed", "spinner"),
}


def status_label(prediction: Prediction) -> StatusLabel:
    """The outcome once there is one, the state until then. `uncertain` goes before tumor and no tumor."""
    if prediction.uncertain:
        return _STATUS_LABELS["uncertain"]
    if prediction.blinded:
        return _STATUS_LABELS["blinded"]
    return _STATUS_LABELS[prediction.outcome if prediction.state == State.DONE else prediction.state]


@dataclass(frozen=True, slots=True)
class SliceLabel:
    """How one slice is shown: `status` names the color, `text` says the same in words."""

    status: str
    text: str


HIDDEN_SLICE = SliceLabel("blinded", "")
"""Of a slice whose result its reader may not know yet."""


def slice_label(result: SliceResult | None, *, calibrated: bool) -> SliceLabel:
    """A slice's result in a few words. None: it has none yet. calibrated: its score is a probability."""
    if result is None:
        return SliceLabel("queued", "Not analyzed yet")
    if result.outcome == Outcome.REFUSED or result.tumor_probability is None:
        return SliceLabel("refused", f"Not judged: {(result.gate or {}).get('message') or 'no slice of a brain'}")
    label = _STATUS_LABELS["uncertain" if result.uncertain else result.outcome]
    wording = percent if calibrated else plain_score
    return SliceLabel(label.status, f"{label.word} {wording(result.tumor_probability)}")


@dataclass(frozen=True, slots=True)
class Behavior:
    """What a tumor type usually does, and the source that says so."""

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
    "other": Behavior(
        "Other stands for schwannoma, metastasis, medulloblastoma, neurocytoma, papilloma, germinoma and tumors of "
        "childhood: they range from benign to highly malignant.",
        _WHO,
    ),
}


def extent(prediction: Prediction) -> str:
    """Where in a series the evidence lies, such as `slices 14 to 19 of 40, about 30 mm`; "" without evidence."""
    indices = (prediction.series or {}).get("extent")
    if not indices:
        return ""
    first, last = indices
    count, spacing = last - first + 1, even_spacing(prediction.scan)
    where = f"slice {first + 1}" if count == 1 else f"slices {first + 1} to {last + 1}"
    length = f", about {count * spacing:.0f} mm" if spacing else ""
    return f"{where} of {prediction.scan.frames}{length}"


def even_spacing(scan: Scan) -> float | None:
    """mm between all adjacent slices of a series; None if it is unknown or varies, or if their stack is slanted."""
    return None if gaps.is_uneven(map(str, scan.notes)) else scan.spacing


def runs(prediction: Prediction) -> list[tuple[int, int]]:
    """First and last index of each run of slices that point to a tumor by themselves, in viewing order.

    Results from before runs were recorded know only the one around the strongest slice.
    """
    summary = prediction.series or {}
    recorded = summary.get("runs")
    if recorded is None:
        recorded = [summary["extent"]] if summary.get("extent") else []
    return [(first, last) for first, last in recorded]


def uncertain_band(prediction: Prediction) -> tuple[float, float] | None:
    """Lowest and highest probability that the prediction's model calls uncertain; None if it has no such band."""
    low, high = _rules(prediction, single_image="calibration").get("uncertain") or (0.0, 0.0)
    return (low, high) if low < high else None


def threshold(prediction: Prediction) -> float | None:
    """The lowest probability that the prediction's model calls a tumor; a series has a threshold of its own.

    None where the model has an uncertain band: its ends part the outcomes, and a threshold inside it parts nothing.
    """
    if uncertain_band(prediction):
        return None
    if prediction.series is not None:
        return _rules(prediction, single_image="series").get("threshold")
    return prediction.model_version.manifest.get("threshold") if prediction.model_version else None


def _rules(prediction: Prediction, *, single_image: str) -> dict[str, Any]:
    """The manifest's section for series, or the section `single_image` for a scan of one image."""
    manifest = prediction.model_version.manifest if prediction.model_version else {}
    return manifest.get("series" if prediction.series is not None else single_image) or {}


_SIDES = {
    "L": "the patient's left",
    "R": "the patient's right",
    "A": "the front",
    "P": "the back",
    "H": "the head",
    "F": "the feet",
}


def orientation_text(prediction: Prediction) -> str:
    """Which side of the patient the image's right and upper edges show, as far as the file says."""
    letters = prediction.scan.letters
    if len(letters) != 4 or not set(letters) <= set(_SIDES):
        return "Left and right are those of the image. Which side of the patient it shows is not known."
    return f"The image's right is {_SIDES[letters[1]]}, its upper edge {_SIDES[letters[2]]}."


def per_hundred(probability: float) -> str:
    """A sentence that says what a calibrated probability means."""
    rounded = round(probability * 100)
    count = "more than 99" if rounded >= 100 else "fewer than 1" if rounded <= 0 else f"about {rounded}"
    return f"Of 100 scans scored like this, {count} {'shows' if rounded == 1 else 'show'} a tumor."


def score(prediction: Prediction) -> str:
    """The short number beside the outcome: a percentage if the model is calibrated, else the plain score."""
    value = prediction.tumor_probability
    if value is None:
        return ""
    return percent(value) if is_calibrated(prediction) else plain_score(value)


def plain_score(value: float) -> str:
    """A score with two decimals, `0.93`; like `percent`, it never rounds to certainty."""
    return "> 0.99" if value >= 0.995 else "< 0.01" if value < 0.005 else f"{value:.2f}"


def is_calibrated(prediction: Prediction) -> bool:
    """Whether the score may be called a probability. Costs no query on rows from `with_calibration`."""
    annotated = getattr(prediction, "calibrated", None)
    if annotated is not None:
        return bool(annotated)
    return prediction.model_version is not None and prediction.model_version.calibrated


def with_calibration(rows: QuerySet[Prediction]) -> QuerySet[Prediction]:
    """Annotate `calibrated`, so that a list need not load every row's whole manifest.

    By a query that runs once: asked of each row, a database would read a manifest for all that it sorts.
    """
    present = Q(manifest__calibration__isnull=False) & ~Q(manifest__calibration=None)
    versions = ModelVersion.objects.filter(present).order_by().values("pk")
    return rows.annotate(
        calibrated=Case(
            When(model_version__in=versions, then=Value(True)), default=Value(False), output_field=BooleanField()
        )
    )
