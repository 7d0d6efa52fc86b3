"""What a report says about a scan or a case: plain values, read once and handed to every renderer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from diagnosis.models import Case, Prediction, Review
from diagnosis.models.prediction import State
from diagnosis.presentation import evidence, labels, sentences
from diagnosis.reports import readings
from diagnosis.reports.readings import Reading
from ml.percent import percent

NOTICE = "Research use – decision support, not a diagnosis"


@dataclass(frozen=True, slots=True)
class Origin:
    """Who made a report, when, and at which address of the site."""

    user: str
    made: datetime
    address: str = ""


@dataclass(frozen=True, slots=True)
class Images:
    """Storage name of the preview that a report shows, the evidence that is drawn over it, and words for both.

    evidence: as stored with the prediction; None if there is nothing to draw.
    """

    preview: str
    evidence: Mapping[str, Any] | None
    caption: str
    map_caption: str


@dataclass(frozen=True, slots=True)
class ScanReport:
    """One prediction on one scan, with what people say of it.

    probability: 0 to 1, None without a result. score: the same for people, "" without. types: each tumor type with its
    share in words, most likely first; empty unless a tumor is found or suspected. sentences: what number and outcome
    mean. where: where the evidence lies. facts: further names and values. readings: what people say of the scan, the
    one that holds first. reading_text: how far they are, in a sentence.
    """

    prediction: int
    state: str
    outcome: str
    uncertain: bool
    probability: float | None
    calibrated: bool
    case: str
    scan: str
    owner: str
    uploaded: datetime
    finished: datetime | None
    headline: str
    score: str
    sentences: tuple[str, ...]
    types: tuple[tuple[str, str], ...]
    behavior: tuple[str, ...]
    where: tuple[str, ...]
    model: str
    digest: str
    facts: tuple[tuple[str, str], ...]
    images: Images
    readings: tuple[Reading, ...]
    reading_text: str

    @property
    def score_name(self) -> str:
        """What to call the number: it is a probability only if the model is calibrated."""
        return "Probability of a tumor" if self.calibrated else "Model score"

    @property
    def signed(self) -> Reading | None:
        """The signed reading whose finding holds; None until there is one."""
        return next((one for one in self.readings if one.holds), None)


@dataclass(frozen=True, slots=True)
class CaseReport:
    """A part of a case: at most as many scans as one file may hold. first: number of its first scan, from 1."""

    case: str
    owner: str
    opened: datetime
    scans: tuple[ScanReport, ...]
    first: int
    total: int
    part: int
    parts: int


def of_prediction(prediction: Prediction, *, reviews: Sequence[Review] = ()) -> ScanReport:
    """The report of one prediction.

    prediction: a row of `selectors.result`, with its model version's manifest. reviews: of its scan, with readers.
    """
    scan, version = prediction.scan, prediction.model_version
    return ScanReport(
        prediction=prediction.pk,
        state=prediction.state,
        outcome=prediction.outcome,
        uncertain=prediction.uncertain,
        probability=prediction.tumor_probability,
        calibrated=labels.is_calibrated(prediction),
        case=scan.case.reference,
        scan=scan.name,
        owner=scan.case.owner.get_username(),
        uploaded=scan.created,
        finished=prediction.finished,
        headline=labels.status_label(prediction).headline,
        score=labels.score(prediction),
        sentences=_sentences(prediction),
        types=_types(prediction),
        behavior=_behavior(prediction),
        where=_where(prediction),
        model=version.label if version else "none",
        digest=version.digest if version else "",
        facts=_facts(prediction),
        images=_images(prediction),
        readings=readings.of_reviews(reviews, scan=scan),
        reading_text=readings.reading_text(reviews),
    )


def of_case(
    case: Case,
    predictions: Sequence[Prediction],
    *,
    total: int,
    part: int,
    size: int,
    reviews: Mapping[int, Sequence[Review]] | None = None,
) -> CaseReport:
    """Part `part` (from 1) of a case's report.

    predictions: the newest of each scan of that part. total: scans of the case. size: scans of a whole part. reviews:
    by the scan's id.
    """
    read = reviews or {}
    return CaseReport(
        case=case.reference,
        owner=case.owner.get_username(),
        opened=case.created,
        scans=tuple(of_prediction(row, reviews=read.get(row.scan_id, ())) for row in predictions),
        first=(part - 1) * size + 1,
        total=total,
        part=part,
        parts=max(1, -(-total // size)),
    )


def _sentences(prediction: Prediction) -> tuple[str, ...]:
    """What the page says below the headline, in its order."""
    if prediction.blinded:
        return (readings.HIDDEN,)
    if prediction.is_active:
        return ("The scan is still being analyzed: there is no result yet.",)
    if prediction.state == State.REFUSED:
        return ((prediction.gate or {}).get("message") or "The image cannot be judged.",)
    if prediction.state == State.FAILED:
        return (prediction.error, "The scan is kept. It has no result until a retry succeeds.")
    if prediction.state == State.CANCELED:
        return ("The analysis was canceled before it had a result.",)
    texts = list(sentences.meaning(prediction))
    if prediction.trained_on:
        texts.append(" ".join(sentences.TRAINED_ON))
    return tuple(texts)


def _types(prediction: Prediction) -> tuple[tuple[str, str], ...]:
    if not prediction.likely_type:
        return ()
    words = percent if labels.is_calibrated(prediction) else labels.plain_score
    return tuple((name, words(fraction)) for name, fraction in prediction.ranked_types)


def _behavior(prediction: Prediction) -> tuple[str, ...]:
    known = labels.BEHAVIORS.get(prediction.likely_type)
    return (f"{known.sentence} An image cannot grade a tumor.", f"Source: {known.source}.") if known else ()


def _where(prediction: Prediction) -> tuple[str, ...]:
    return (*sentences.series(prediction), *sentences.where(prediction))


def _facts(prediction: Prediction) -> tuple[tuple[str, str], ...]:
    scan = prediction.scan
    slices = f"{scan.frames} slices of " if scan.is_series else ""
    spacing = f", {scan.spacing:.1f} mm apart" if scan.spacing else ""
    return (
        ("File", f"{scan.format}, {slices}{scan.width} × {scan.height} px{spacing}"),
        *(("Note", str(note)) for note in scan.notes),
        ("Pixel sha256", scan.pixel_sha256),
        ("Model digest", prediction.model_version.digest if prediction.model_version else "none"),
        ("Engine", prediction.engine or "none"),
        ("Prediction", str(prediction.pk)),
    )


def _images(prediction: Prediction) -> Images:
    scan, key = prediction.scan, prediction.key_slice
    preview = key.preview if key else scan.preview
    which = f"Slice {key.index + 1} of {scan.frames}" if key else "Middle slice" if scan.is_series else "The scan"
    layer = evidence.of_prediction(prediction)
    return Images(
        preview=str(preview.name),
        evidence=prediction.evidence if layer else None,
        caption=which,
        map_caption=f"{which} with the evidence: strongest in the {layer.region} of the image" if layer else "",
    )
