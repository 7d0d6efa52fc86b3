"""A report as a FHIR R4 DiagnosticReport (4.0.1), complete in itself: what it refers to is contained.

Codes are from SNOMED CT and LOINC where they surely have one for the meaning; the rest is text. Nobody is named but the
site's users: the subject is the case's pseudonym.
"""

import base64
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape

from django.utils import timezone

from diagnosis.models.prediction import State
from diagnosis.reports.contents import NOTICE, Origin, ScanReport
from diagnosis.reports.readings import Reading

MEDIA_TYPE = "application/fhir+json"

_FORBIDDEN = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Json = dict[str, Any]

_SNOMED, _LOINC, _UCUM = "http://snomed.info/sct", "http://loinc.org", "http://unitsofmeasure.org"
_HL7 = "http://terminology.hl7.org/CodeSystem"
_REASONS = {
    State.REFUSED: ("not-applicable", "Not Applicable"),
    State.FAILED: ("error", "Error"),
    State.CANCELED: ("not-performed", "Not Performed"),
}
_PRESENCE = {
    "tumor": ("52101004", "Present"),
    "no_tumor": ("2667000", "Absent"),
    "uncertain": ("82334004", "Indeterminate"),
    "cannot_tell": ("82334004", "Indeterminate"),
}


def diagnostic_report(report: ScanReport, *, origin: Origin, site: str, pdf: bytes) -> Json:
    """The resource as JSON values. site: address of this site with a slash, the start of its identifier systems.

    Identifiers are unique within their system, but for those of cases: two owners may use one reference.
    """
    subject = {"type": "Patient", "identifier": {"system": f"{site}cases", "value": report.case}}
    observations = [_of_model(report, subject), *_of_readers(report, subject, site)]
    signed = report.signed
    resource: Json = {
        "resourceType": "DiagnosticReport",
        "id": f"prediction-{report.prediction}",
        "meta": {"security": [_coding(f"{_HL7}/v3-ActReason", "HRESCH", "healthcare research")]},
        "language": "en",
        "text": _narrative(report),
        "contained": [_device(report), *observations],
        "identifier": [{"system": f"{site}predictions", "value": str(report.prediction)}],
        "status": status(report),
        "category": [{"coding": [_coding(f"{_HL7}/v2-0074", "RAD", "Radiology")]}],
        "code": {"coding": [_coding(_LOINC, "24590-2", "MR Brain")], "text": "Brain MRI, searched for tumors"},
        "subject": subject,
        "issued": _instant((signed.signed if signed else report.finished) or origin.made),
        "result": [{"reference": f"#{one['id']}"} for one in observations],
        "conclusion": conclusion(report),
        "presentedForm": [_attachment(pdf, origin)],
    }  # fmt: skip
    if signed:
        resource["resultsInterpreter"] = [_person(signed, site)]
        if signed.finding == "tumor":
            resource["conclusionCode"] = [{"coding": [_coding(_SNOMED, "126952004", "Neoplasm of brain")]}]
    return resource


def status(report: ScanReport) -> str:
    """`preliminary` until a finding is signed, then `final`, or `amended` if that signature amends an earlier one.

    A signature on fewer slices than the scan has by now makes nothing final.
    """
    if report.signed and not report.signed.outdated:
        return "amended" if report.signed.reason else "final"
    return "cancelled" if report.state == State.CANCELED else "preliminary"


def conclusion(report: ScanReport) -> str:
    """The signed finding if there is one, then what the model says, then the notice."""
    texts = [f"{report.signed.finding_text}. {report.signed.signature}" if report.signed else report.reading_text]
    texts.append(f"{report.model}: {report.headline}{f', {report.score}' if report.score else ''}.")
    return " ".join([*texts, *report.sentences, f"{NOTICE}."])


def _of_model(report: ScanReport, subject: Json) -> Json:
    found: Json = _observation("model", "preliminary", "Tumor, as the model judges", subject)
    found["device"] = {"reference": "#device"}
    if report.finished:
        found["issued"] = _instant(report.finished)
    found["note"] = [{"text": sentence} for sentence in (*report.sentences, *report.where)]
    if report.probability is None:
        found["dataAbsentReason"] = {"coding": [_coding(f"{_HL7}/data-absent-reason", *_REASONS[State(report.state)])]}
        return found
    found["valueCodeableConcept"] = _presence("uncertain" if report.uncertain else report.outcome)
    found["component"] = [{"code": {"text": report.score_name}, "valueQuantity": _fraction(report.probability)}]
    found["component"] += [
        {"code": {"text": "Most probable tumor type, with its score"}, "valueString": f"{name}, {words}"}
        for name, words in report.types[:1]
    ]
    return found


def _of_readers(report: ScanReport, subject: Json, site: str) -> Iterator[Json]:
    """The current readings. What they amended is in the PDF."""
    for number, reading in enumerate((one for one in report.readings if one.current), 1):
        state = ("amended" if reading.reason else "final") if reading.signed else "preliminary"
        found = _observation(f"reading-{number}", state, f"Tumor, as a reader judges ({reading.role.lower()})", subject)
        found["performer"] = [_person(reading, site)]
        found["valueCodeableConcept"] = _presence(reading.finding) | {"text": reading.finding_text}
        found["note"] = [{"text": text} for text in (*reading.sentences, reading.signature)]
        found["issued"] = _instant(reading.signed or reading.committed)
        yield found


def _observation(name: str, state: str, text: str, subject: Json) -> Json:
    return {
        "resourceType": "Observation",
        "id": name,
        "status": state,
        "code": {"text": text},
        "subject": subject,
        "bodySite": {"coding": [_coding(_SNOMED, "12738006", "Brain structure")]},
    }


def _device(report: ScanReport) -> Json:
    name, _, version = report.model.partition("@")
    return {
        "resourceType": "Device",
        "id": "device",
        "manufacturer": "brainscan",
        "deviceName": [{"name": name, "type": "model-name"}],
        "version": [{"value": version or "unknown"}],
        "note": [{"text": NOTICE}],
    }


def _narrative(report: ScanReport) -> Json:
    lines = (f"Case {report.case}, scan {report.scan}.", conclusion(report))
    paragraphs = "".join(f"<p>{escape(_xml(line))}</p>" for line in lines)
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{paragraphs}</div>'}


def _xml(text: str) -> str:
    """Without the characters that XML forbids."""
    return _FORBIDDEN.sub("□", text)


def _attachment(pdf: bytes, origin: Origin) -> Json:
    return {
        "contentType": "application/pdf",
        "language": "en",
        "data": base64.b64encode(pdf).decode(),
        "title": "Report",
        "creation": _instant(origin.made),
    }


def _person(reading: Reading, site: str) -> Json:
    who = {"system": f"{site}users", "value": reading.username}
    return {"type": "Practitioner", "identifier": who, "display": reading.reader}


def _presence(finding: str) -> Json:
    return {"coding": [_coding(_SNOMED, *_PRESENCE[finding])]}


def _fraction(value: float) -> Json:
    return {"value": round(value, 6), "system": _UCUM, "code": "1"}


def _coding(system: str, code: str, display: str) -> Json:
    return {"system": system, "code": code, "display": display}


def _instant(moment: datetime | None) -> str | None:
    return timezone.localtime(moment).isoformat(timespec="seconds") if moment else None
