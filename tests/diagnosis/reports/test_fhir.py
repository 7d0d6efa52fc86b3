"""FHIR reports, read by a library that knows the specification.

It knows R4B, in which the resources used here have the elements of R4.
"""

import base64
import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from fhir.resources.R4B.diagnosticreport import DiagnosticReport

from diagnosis.reports import contents, fhir
from diagnosis.reports.contents import NOTICE, ScanReport
from tests.diagnosis.reports.conftest import ORIGIN, Make, Reads, made

pytestmark = pytest.mark.django_db
SITE = "https://scans.example/"


def resource(report: ScanReport) -> dict[str, Any]:
    """As a receiver gets it, after it was found valid."""
    written = json.dumps(fhir.diagnostic_report(report, origin=ORIGIN, site=SITE, pdf=b"%PDF-1.4"))
    DiagnosticReport.model_validate_json(written)
    found: dict[str, Any] = json.loads(written)
    references = {one["reference"] for one in found["result"]} | {"#device"}
    assert references == {f"#{one['id']}" for one in found["contained"]}
    return found


def contained(found: dict[str, Any], name: str) -> dict[str, Any]:
    [one] = [one for one in found["contained"] if one["id"] == name]
    return dict(one)


def test_an_unsigned_result(make: Make) -> None:
    report = make()
    found = resource(report)
    assert (found["status"], found["subject"]["identifier"]["value"]) == ("preliminary", report.case)
    assert found["code"]["coding"] == [{"system": "http://loinc.org", "code": "24590-2", "display": "MR Brain"}]
    assert found["conclusion"].startswith("Not signed: no reader has signed a finding.")
    assert "Tumor likely, 93 %." in found["conclusion"] and found["conclusion"].endswith(f"{NOTICE}.")
    assert "conclusionCode" not in found and "resultsInterpreter" not in found
    assert base64.b64decode(found["presentedForm"][0]["data"]) == b"%PDF-1.4"
    model = contained(found, "model")
    assert model["valueCodeableConcept"]["coding"][0]["code"] == "52101004"
    assert model["component"][0] == {
        "code": {"text": "Probability of a tumor"},
        "valueQuantity": {"value": 0.93, "system": "http://unitsofmeasure.org", "code": "1"},
    }
    assert contained(found, "device")["version"] == [{"value": report.digest[:12]}]


@pytest.mark.parametrize(
    ("fields", "code"),
    [({"outcome": "no_tumor"}, "2667000"), ({"uncertain": True}, "82334004"), ({"outcome": "tumor"}, "52101004")],
)
def test_what_the_model_says_as_a_code(make: Make, fields: dict[str, Any], code: str) -> None:
    model = contained(resource(make(**fields)), "model")
    assert model["valueCodeableConcept"]["coding"][0]["code"] == code


@pytest.mark.parametrize(
    ("state", "status", "reason"),
    [
        ("refused", "preliminary", "not-applicable"),
        ("failed", "preliminary", "error"),
        ("canceled", "cancelled", "not-performed"),
    ],
)
def test_without_a_result_the_reason_stands_in_its_place(make: Make, state: str, status: str, reason: str) -> None:
    found = resource(make(state=state))
    model = contained(found, "model")
    assert (found["status"], model["dataAbsentReason"]["coding"][0]["code"]) == (status, reason)
    assert "valueCodeableConcept" not in model and "component" not in model


def test_a_signed_finding_makes_it_final(reads: Reads, reader: User) -> None:
    prediction = made()
    review = reads(prediction, tumor_type="glioma", comment="Ring & edema <b>")
    found = resource(contents.of_prediction(prediction, reviews=[review]))
    assert (found["status"], found["issued"]) == ("final", "2025-03-05T06:07:08+00:00")
    assert found["resultsInterpreter"][0]["identifier"] == {"system": f"{SITE}users", "value": "reader"}
    assert found["conclusionCode"][0]["coding"][0]["code"] == "126952004"
    reading = contained(found, "reading-1")
    assert (reading["status"], reading["valueCodeableConcept"]["text"]) == ("final", "Tumor, glioma")
    assert {"text": "Ring & edema <b>"} in reading["note"]


def test_a_signed_no_tumor_gets_no_code_of_a_tumor(reads: Reads) -> None:
    prediction = made()
    found = resource(contents.of_prediction(prediction, reviews=[reads(prediction, finding="no_tumor")]))
    assert found["status"] == "final" and "conclusionCode" not in found
    assert contained(found, "reading-1")["valueCodeableConcept"]["coding"][0]["code"] == "2667000"


def test_an_amended_signature_makes_it_amended(reads: Reads) -> None:
    prediction = made()
    first = reads(prediction, current=False)
    second = reads(prediction, finding="cannot_tell", amends=first, reason="Motion.")
    found = resource(contents.of_prediction(prediction, reviews=[first, second]))
    assert (found["status"], contained(found, "reading-1")["status"]) == ("amended", "amended")
    assert len(found["contained"]) == 3


def test_a_signature_on_fewer_slices_makes_nothing_final(reads: Reads) -> None:
    prediction = made()
    review = reads(prediction, pixel_sha256="0" * 64)
    found = resource(contents.of_prediction(prediction, reviews=[review]))
    assert found["status"] == "preliminary"
    assert "Slices were added since, and are not judged in it." in found["conclusion"]


def test_a_reading_that_is_not_signed_is_preliminary(reads: Reads) -> None:
    prediction = made()
    found = resource(contents.of_prediction(prediction, reviews=[reads(prediction, state="committed")]))
    assert (found["status"], contained(found, "reading-1")["status"]) == ("preliminary", "preliminary")


def test_hostile_names_stay_text(make: Make) -> None:
    found = resource(make(scan__name="<script>alert(1)</script>\x00\x1b & \ufffe.png"))
    assert "&lt;script&gt;alert(1)&lt;/script&gt;□□ &amp; □.png" in found["text"]["div"]
