"""What people signed on a scan, as part of the structured report.

The root of the report is observed by a device; each group here names its person instead (PS3.16, TID 1002 and 1003).
TID 1501 can be extended, so a reading's comment and signature are in its group as text.
"""

import re
from datetime import UTC
from typing import Any

import numpy as np
from highdicom import sr
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.valuerep import DT

from diagnosis.dicom.results import MANUFACTURER, SCHEME, Result, SourceImage
from diagnosis.reports.readings import Reading

_FINDINGS = {"tumor": codes.SCT.Present, "no_tumor": codes.SCT.Absent, "cannot_tell": codes.SCT.Indeterminate}


def own_code(value: str, meaning: str) -> sr.CodedConcept:
    """A code of brainscan's own."""
    return sr.CodedConcept(value=value, scheme_designator=SCHEME, meaning=meaning)


def group(result: Result, reading: Reading) -> Any:
    """One signed reading as a measurement group, at the marked location if an image of the report shows it."""
    region = _region(result, reading)
    shared: dict[str, Any] = {
        "tracking_identifier": sr.TrackingIdentifier(
            uid=result.uid("reading", reading.username), identifier=f"Reading by {reading.username}"[:64]
        ),
        "finding_type": codes.SCT.Neoplasm if reading.finding == "tumor" else None,
        "finding_sites": [sr.FindingSite(anatomic_location=codes.SCT.Brain)],
        "qualitative_evaluations": _evaluations(reading),
    }
    if region is None:
        made: Any = sr.MeasurementsAndQualitativeEvaluations(**shared)
    else:
        made = sr.PlanarROIMeasurementsAndQualitativeEvaluations(referenced_region=region, **shared)
    content = made[0].ContentSequence
    for item in reversed(_observer(reading)):
        content.insert(0, item)  # what is observed follows who observes it
    content.extend(_texts(reading))
    return made


def verification(result: Result) -> dict[str, Any]:
    """Arguments of highdicom's document: whether it is verified, and by whom (PS3.3, C.17.2)."""
    if not result.verified:
        return {"is_final": False, "is_verified": False}
    name = person_name(result.readings[0])
    # The site knows no organization, but highdicom demands one; `date_verification` empties it.
    return {
        "is_final": True,
        "is_verified": True,
        "verifying_observer_name": name,
        "verifying_organization": MANUFACTURER,
    }


def date_verification(document: Dataset, result: Result) -> None:
    """Make the verification that of the signature: highdicom takes the present moment."""
    if result.verified:
        [observer] = document.VerifyingObserverSequence
        observer.VerificationDateTime = _signed(result.readings[0])
        observer.VerifyingOrganization = ""  # type 2


def person_name(reading: Reading) -> str:
    """The reader as a DICOM person name; the user name where no other is known."""
    family, given = (re.sub(r"[\\^=\x00-\x1f]", " ", part).strip()[:32] for part in _names(reading))
    return f"{family}^{given}"


def _names(reading: Reading) -> tuple[str, str]:
    return (reading.family_name, reading.given_name) if reading.family_name else (reading.username, "")


def _signed(reading: Reading) -> DT:
    assert reading.signed is not None  # results hold signed readings alone
    return DT(reading.signed.astimezone(UTC).strftime("%Y%m%d%H%M%S"))


def _observer(reading: Reading) -> list[Any]:
    attributes = sr.PersonObserverIdentifyingAttributes(name=person_name(reading), login_name=reading.username)
    return list(sr.ObserverContext(observer_type=codes.DCM.Person, observer_identifying_attributes=attributes))


def _evaluations(reading: Reading) -> list[sr.QualitativeEvaluation]:
    given = [(own_code("reader-finding", "Tumor, as a reader judges"), _FINDINGS[reading.finding])]
    if reading.tumor_type:
        given.append((
            own_code("reader-tumor-type", "Tumor type, as a reader judges"),
            own_code(reading.tumor_type, reading.tumor_type.capitalize()),
        ))  # fmt: skip
    if reading.confidence:
        given.append((
            own_code("reader-confidence", "Confidence of the reader"),
            own_code(f"confidence-{reading.confidence}"[:16], reading.confidence.capitalize()),
        ))  # fmt: skip
    made = [sr.QualitativeEvaluation(name=name, value=value) for name, value in given]
    for evaluation in made:
        evaluation[0].ObservationDateTime = _signed(reading)
    return made


def _texts(reading: Reading) -> list[sr.TextContentItem]:
    texts = (
        (codes.DCM.Comment, reading.comment),
        (own_code("reader-place", "Where the reader sees it"), reading.location),
        (own_code("reader-reason", "Why the reading was amended"), reading.reason),
        (own_code("reader-signature", "Signature"), reading.signature),
    )
    contains = sr.RelationshipTypeValues.CONTAINS
    return [sr.TextContentItem(name=name, value=text, relationship_type=contains) for name, text in texts if text]


def _region(result: Result, reading: Reading) -> sr.ImageRegion | None:
    """The marked box or point in pixels of the file; None if there is none, if its image is not in the report, or if
    slices were added since, so that the index may be another image's."""
    index = reading.slice_index or 0
    source = next((one for one in result.sources if one.number == index + 1), None)
    if source is None or reading.outdated or not (reading.box or reading.point):
        return None
    image = sr.SourceImageForRegion(
        referenced_sop_class_uid=source.sop_class,
        referenced_sop_instance_uid=source.instance,
        referenced_frame_numbers=None if source.frame is None else [source.frame],
    )
    graphic_type, corners = ("POLYLINE", _corners(reading.box)) if reading.box else ("POINT", [reading.point])
    return sr.ImageRegion(graphic_type=graphic_type, graphic_data=_in_pixels(corners, source), source_image=image)


def _corners(box: tuple[float, float, float, float]) -> list[tuple[float, float]]:
    x0, y0, x1, y1 = box
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]


def _in_pixels(points: Any, source: SourceImage) -> Any:
    return np.array([[x * source.columns, y * source.rows] for x, y in points], float)
