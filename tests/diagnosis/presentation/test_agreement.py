"""Of one prediction the page, lists, the API, reports and what goes to an archive say the same.

A table of results, each asked everywhere.
"""

import html
import re
from dataclasses import replace
from itertools import product
from typing import Any, NamedTuple

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.template.loader import render_to_string
from django.test import RequestFactory

from diagnosis.access import selectors
from diagnosis.api.serializers.predictions import PredictionSerializer
from diagnosis.dicom import export, secondary_capture
from diagnosis.dicom.results import Result, SourceImage
from diagnosis.dicom.structured_report import report as structured_report
from diagnosis.models import Case, ModelVersion, Prediction, Slice, SliceResult
from diagnosis.models.prediction import Outcome, TumorType
from diagnosis.presentation import labels, predictive_values, sentences
from diagnosis.reports import contents, fhir, listing
from diagnosis.reports.contents import ScanReport
from ml.percent import percent
from tests.builders import dicom_bytes, phantom
from tests.diagnosis.dicom.test_results import overall
from tests.diagnosis.reports.conftest import ORIGIN
from tests.factories import CaseFactory, ModelVersionFactory, PredictionFactory, ScanFactory

pytestmark = pytest.mark.django_db

WORDS = {"tumor": "Tumor", "no_tumor": "No tumor", "uncertain": "Uncertain"}
HEADLINES = {"Tumor likely": "Tumor", "No tumor seen": "No tumor", "Uncertain": "Uncertain"}
TYPES: list[dict[str, float] | None] = [
    None,
    {"pituitary": 0.003, "glioma": 0.995, "meningioma": 0.002, "other": 0.0},
    {
        "glioma": 0.4,
        "meningioma": 0.4,
        "pituitary": 0.2,
    },  # a tie, of a model of three types
    {"glioma": 0.1, "meningioma": 0.1, "pituitary": 0.1, "other": 0.7},
]
FIGURES = {"sensitivity": {"value": 0.9}, "specificity": {"value": 0.95}, "n": 500}
MANIFESTS: list[dict[str, Any]] = [
    {"threshold": 0.2},
    {
        "threshold": 0.2,
        "calibration": {"uncertain": [0.2, 0.6]},
        "series": {"uncertain": [0.2, 0.8]},
        "metrics": {
            "test": {"sources": {"pooled": FIGURES}},
            "series": {"test": {"all": FIGURES | {"series": 50}}},
        },
    },
    {"threshold": 0.2, "calibration": {}},
]
SERIES: list[dict[str, Any] | None] = [None, {"runs": [[11, 17]], "extent": [11, 17], "accepted": 38}]
SCORES = {Outcome.TUMOR: (0.93, 0.9951), Outcome.NO_TUMOR: (0.04, 0.0049)}


class Said(NamedTuple):
    """What one place says of a prediction. type: None where the place has no room for it."""

    word: str
    score: str
    type: str | None
    trained_on: bool | None


def _table(owner: Case, version: ModelVersion) -> None:
    """A row for each combination, all on one DICOM file."""
    file = default_storage.save("image.dcm", ContentFile(dicom_bytes(phantom(64))))
    for outcome, uncertain, types, series, trained_on in product(
        (Outcome.TUMOR, Outcome.NO_TUMOR), (False, True), TYPES, SERIES, (False, True)
    ):
        scan = ScanFactory(
            case=owner, frames=40 if series else 1, file=file, format="DICOM", preview=None, thumbnail=None
        )
        made = PredictionFactory(
            scan=scan, model_version=version, outcome=outcome, uncertain=uncertain, type_probabilities=types,
            tumor_probability=0.45 if uncertain else SCORES[outcome][trained_on], series=series,
            progress=scan.frames, trained_on=trained_on,
        )  # fmt: skip
        if series:
            first = Slice.objects.create(scan=scan, index=0, pixel_sha256=scan.pixel_sha256)
            SliceResult.objects.create(prediction=made, slice=first, outcome=outcome, tumor_probability=0.9)


def _text(template: str, row: Prediction, user: User) -> str:
    request = RequestFactory().get("/")
    request.user = user
    context = {"p": row, "user": user, "request": request, "list_query": None}
    return " ".join(render_to_string(f"diagnosis/_fragments/{template}.html", context, request=request).split())


def _found(pattern: str, markup: str) -> str:
    """The text that the pattern's group holds, without tags; "" if it is not there."""
    match = re.search(pattern, markup)
    return html.unescape(re.sub(r"<[^>]+>", "", match[1])).strip() if match else ""


def page(row: Prediction, user: User) -> Said:
    markup = _text("result_outcome", row, user) + _text("result_done", row, user)
    return Said(
        HEADLINES[_found(r"<h1[^>]*>(.*?)</h1>", markup)],
        _found(r'class="figure">(.*?)<', markup),
        _found(r'<dt class="likely">(.*?)<', markup),
        all(sentence in markup for sentence in sentences.TRAINED_ON),
    )


def worklist(row: Prediction, user: User) -> Said:
    markup = _text("history_row", row, user)
    word, score = (
        _found(r'<span class="chip[^>]*>(.*?</svg>.*?)</span>', markup),
        _found(r"</span>([^<]*)</span></span>", markup),
    )
    return Said(word, score, _found(r'cell-type">(.*?)<', markup), None)


def card(row: Prediction, user: User) -> Said:
    markup = _text("scan_card", row, user)
    return Said(
        _found(r'<span class="chip[^>]*>(.*?</svg>.*?)</span>', markup),
        _found(r"</span>([^<]*)</span></span>", markup),
        None,
        None,
    )


def api(row: Prediction, user: User) -> Said:
    """As docs/api.md tells scripts to read it."""
    told = PredictionSerializer(row, context={"request": None}).data
    word = "uncertain" if told["uncertain"] else told["outcome"]
    return Said(
        WORDS[word], _number(told["tumor_probability"], calibrated=told["calibrated"]), None, told["trained_on"]
    )


def listed(row: Prediction, user: User) -> Said:
    told = listing._of_run(row)
    word = "uncertain" if told["uncertain"] else told["outcome"]
    score = _number(told["tumor_probability"], calibrated=told["calibrated"])
    return Said(WORDS[word], score, told["likely_type"] or "", told["trained_on"])


def report(row: Prediction, user: User) -> Said:
    """What the PDF prints."""
    told = contents.of_prediction(row)
    trained_on = " ".join(sentences.TRAINED_ON) in told.sentences
    return Said(HEADLINES[told.headline], told.score, told.types[0][0] if told.types else "", trained_on)


def fhir_report(row: Prediction, user: User) -> Said:
    told: ScanReport = contents.of_prediction(row)
    resource = fhir.diagnostic_report(told, origin=ORIGIN, site="https://scans.example/", pdf=b"")
    model = next(one for one in resource["contained"] if one.get("id") == "model")
    code = model["valueCodeableConcept"]["coding"][0]["display"]
    types = [one["valueString"].split(",")[0] for one in model["component"] if "valueString" in one]
    word = {"Present": "Tumor", "Absent": "No tumor", "Indeterminate": "Uncertain"}[code]
    score = _number(model["component"][0]["valueQuantity"]["value"], calibrated=told.calibrated)
    noted = [one["text"] for one in model["note"]]
    return Said(word, score, types[0] if types else "", " ".join(sentences.TRAINED_ON) in noted)


def archived(row: Prediction, user: User) -> Said:
    """What the structured report codes."""
    result = export.result_of(user, row)
    group = overall(structured_report(result))
    codes = {one.name.meaning: one.value.meaning for one in group.get_qualitative_evaluations()}
    [measured] = group.get_measurements()
    calibrated = {"Probability": True, "Tumor score": False}[measured.name.meaning]
    word = {"Present": "Tumor", "Absent": "No tumor", "Indeterminate": "Uncertain"}[codes["Tumor, as the model judges"]]
    likely = codes.get("Most probable tumor type", "").lower()
    trained_on = codes.get("Part in training") == sentences.TRAINED_ON[0]
    return Said(word, _number(measured.value, calibrated=calibrated), likely, trained_on)


def captured(row: Prediction, user: User) -> Said:
    """What is burned into the capture of a single image. A series has a line for all of its images, if more than one
    was judged."""
    result = export.result_of(user, row)
    [source] = result.sources
    lines = secondary_capture._text_lines(result, source)
    word, score = lines[2].removeprefix("This image: ").split(", ") if not row.series else _of_all(result, source)
    calibrated = lines[1].startswith("Tumor probability by")
    assert calibrated or lines[1].startswith("Tumor score by")
    assert calibrated == score.endswith("%")
    words = {"tumor": "Tumor", "no tumor found": "No tumor", "uncertain": "Uncertain"}
    return Said(words[word], score, None, sentences.TRAINED_ON[0] in lines)


def _of_all(result: Result, source: SourceImage) -> list[str]:
    """The last line of the results of a series, in parts."""
    several = replace(result, sources=(source, source))
    line = next(one for one in secondary_capture._text_lines(several, source) if one.startswith("All 2 images: "))
    word, score = line.removeprefix("All 2 images: ").split(f", {result.score_name.lower()} ")
    return [word, score]


def _number(value: float, *, calibrated: bool) -> str:
    return percent(value) if calibrated else labels.plain_score(value)


PLACES = (worklist, card, api, listed, report, fhir_report)
IN_ARCHIVES = (archived, captured)


@pytest.mark.parametrize("manifest", MANIFESTS, ids=["scores", "probabilities", "calibrated, no band"])
@pytest.mark.slow
def test_page_lists_api_and_reports_state_the_same_result(user: User, manifest: dict[str, Any], settings: Any) -> None:
    settings.PREVALENCE = 0.02
    _table(CaseFactory(owner=user), ModelVersionFactory(manifest=manifest))
    rows = list(labels.with_calibration(selectors.predictions(user)))
    assert len(rows) == 64
    for number, row in enumerate(rows):
        expected = page(row, user)
        assert expected.word == WORDS["uncertain" if row.uncertain else row.outcome]
        assert expected.trained_on == row.trained_on
        assert bool(expected.type) == (expected.word == "Tumor" and row.type_probabilities is not None)
        assert ("Other stands for" in _text("result_done", row, user)) == (expected.type == "other")
        for place in (*PLACES, *(IN_ARCHIVES if _in_square(number) else ())):
            said = place(row, user)
            same = Said._make(theirs if mine is not None else None for mine, theirs in zip(said, expected, strict=True))
            assert said == same, (place.__name__, row.type_probabilities, row.series)
        _sentences_agree(row)


def _in_square(number: int) -> bool:
    """A quarter of the table's rows, as a structured report takes 50 ms: any two of type, outcome (with uncertain) and
    series (with trained_on) are met in each combination (a Latin square).
    """
    return (number // 16 + number // 4 + number) % 4 == 0


def _sentences_agree(row: Prediction) -> None:
    """All sentences of the page are in the report, in its order, and the figures behind them fit the outcome."""
    told = contents.of_prediction(row)
    assert told.sentences[: len(sentences.meaning(row))] == sentences.meaning(row)
    assert told.where == (*sentences.series(row), *sentences.where(row))
    assert ("Other stands for" in " ".join(told.behavior)) == (row.likely_type == "other")
    site = " ".join(predictive_values.sentences(row))
    assert bool(site) == (not row.uncertain and predictive_values.of_model(row) is not None)
    assert ("called tumor" in site) == (bool(site) and row.outcome == Outcome.TUMOR)
    assert ("called no tumor" in site) == (bool(site) and row.outcome == Outcome.NO_TUMOR)
    assert ("series" in site) == (bool(site) and row.series is not None)


def test_the_worklist_names_the_type_that_the_page_names() -> None:
    """`listed_type`, which the database computes, and `likely_type`, for every order in which types may tie."""
    version = ModelVersionFactory()
    for probabilities in product((0.2, 0.4), repeat=4):
        types = dict(zip(TumorType.values, probabilities, strict=True))
        row = PredictionFactory(model_version=version, type_probabilities=types)
        row.refresh_from_db()
        assert row.listed_type == row.likely_type, types
