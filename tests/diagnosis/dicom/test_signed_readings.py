"""Signed readings in a structured report, read back the way a receiver would."""

import io
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from highdicom.sr import srread
from pydicom.dataset import Dataset

from diagnosis.dicom.results import Result
from diagnosis.dicom.structured_report import report
from diagnosis.reports.readings import Reading
from tests.diagnosis.dicom.test_results import overall, result, source, stored

SIGNED = datetime(2025, 3, 5, 8, 7, 8, tzinfo=timezone(timedelta(hours=2)))


def reading(**changes: Any) -> Reading:
    given: dict[str, Any] = {
        "reader": "Rita Levi (rita)", "username": "rita", "family_name": "Levi", "given_name": "Rita",
        "role": "Reader", "finding": "tumor", "tumor_type": "glioma", "confidence": "high",
        "comment": "Ring, edema: Größe 3 cm. 脑膜瘤?", "location": "upper right quarter of the image", "box": None,
        "point": None, "slice_index": None, "committed": SIGNED, "signed": SIGNED, "blind": False, "reason": "",
        "current": True, "holds": True, "outdated": False, "run": 7,
    }  # fmt: skip
    return Reading(**given | changes)


def signed(*readings: Reading, **changes: Any) -> Result:
    return replace(result(), readings=readings or (reading(),), verified=True, **changes)


def received(made: Result) -> Any:
    """The report after its way through a file, as highdicom reads it."""
    stream = io.BytesIO()
    report(made).save_as(stream, enforce_file_format=True)
    stream.seek(0)
    return srread(stream)


def items(group: Dataset) -> dict[str, str]:
    """The names and values of a group's own content items."""
    found = {}
    for item in group.ContentSequence:
        kind = item.ValueType
        values = {"TEXT": "TextValue", "PNAME": "PersonName"}
        value = item.ConceptCodeSequence[0].CodeMeaning if kind == "CODE" else str(item.get(values.get(kind, ""), ""))
        found[item.ConceptNameCodeSequence[0].CodeMeaning] = value
    return found


def test_a_report_without_signature_says_so_and_is_not_verified() -> None:
    made = result()
    found = stored(report(made))
    assert (found.VerificationFlag, found.PreliminaryFlag) == ("UNVERIFIED", "PRELIMINARY")
    assert "VerifyingObserverSequence" not in found
    said = {one.name.meaning: one.value.meaning for one in overall(report(made)).get_qualitative_evaluations()}
    assert said["Reading by a person"] == "Not signed by a reader"


def test_the_signing_reader_is_the_verifying_observer_at_that_time() -> None:
    found = stored(report(signed()))
    assert (found.CompletionFlag, found.VerificationFlag, found.PreliminaryFlag) == ("COMPLETE", "VERIFIED", "FINAL")
    [observer] = found.VerifyingObserverSequence
    assert observer.VerifyingObserverName == "Levi^Rita"
    assert (observer.VerificationDateTime, found.TimezoneOffsetFromUTC) == ("20250305060708", "+0000")
    assert observer.VerifyingOrganization == "" and observer.VerifyingObserverIdentificationCodeSequence == []


def test_a_signature_on_another_result_is_there_but_verifies_nothing() -> None:
    found = stored(report(replace(signed(), verified=False)))
    assert (found.VerificationFlag, found.PreliminaryFlag) == ("UNVERIFIED", "PRELIMINARY")
    assert "Tumor, as a reader judges" in str(found)


def test_everything_that_the_reader_said() -> None:
    [_, group] = received(signed(reading(reason="Looked again."))).content.get_image_measurement_groups()
    said = items(group[0])
    assert said["Observer Type"] == "Person"
    assert (said["Person Observer Name"], said["Person Observer's Login Name"]) == ("Levi^Rita", "rita")
    assert (said["Tumor, as a reader judges"], said["Tumor type, as a reader judges"]) == ("Present", "Glioma")
    assert (said["Confidence of the reader"], said["Finding"]) == ("High", "Neoplasm")
    assert said["Comment"] == "Ring, edema: Größe 3 cm. 脑膜瘤?"
    assert said["Where the reader sees it"] == "upper right quarter of the image"
    assert said["Why the reading was amended"] == "Looked again."
    assert said["Signature"] == "Signed by Rita Levi (rita), 2025-03-05 06:07:08 UTC."
    times = {item.ObservationDateTime for item in group[0].ContentSequence if "ObservationDateTime" in item}
    assert times == {"20250305060708"}


@pytest.mark.parametrize(("finding", "code"), [("no_tumor", "Absent"), ("cannot_tell", "Indeterminate")])
def test_other_findings_name_no_neoplasm(finding: str, code: str) -> None:
    made = signed(reading(finding=finding, tumor_type=""))
    [_, group] = received(made).content.get_image_measurement_groups()
    said = items(group[0])
    assert said["Tumor, as a reader judges"] == code
    assert "Finding" not in said and "Tumor type, as a reader judges" not in said


@pytest.mark.parametrize(
    ("place", "kind", "points"),
    [
        ({"box": (0.5, 0.25, 0.75, 0.5)}, "POLYLINE", [[100, 64], [150, 64], [150, 128], [100, 128], [100, 64]]),
        ({"point": (0.5, 0.25)}, "POINT", [[100, 64]]),
    ],
)
def test_the_marked_place_is_in_pixels_of_the_file(place: dict[str, Any], kind: str, points: Any) -> None:
    made = replace(result(source(1), source(2)), readings=(reading(slice_index=1, **place),))
    group = received(made).content.get_planar_roi_measurement_groups()[-1]
    assert group.roi.GraphicType == kind
    assert group.roi.value.tolist() == points
    image = group.roi.ContentSequence[0].ReferencedSOPSequence[0]
    assert image.ReferencedSOPInstanceUID == made.sources[1].instance
    assert items(group[0])["Comment"]


@pytest.mark.parametrize("given", [{"slice_index": 5}, {"slice_index": 0, "outdated": True}, {"outdated": True}])
def test_a_place_on_an_image_that_the_report_lacks_or_cannot_tell_stays_in_words(given: dict[str, Any]) -> None:
    made = signed(reading(point=(0.5, 0.5), **given))
    marked, unsigned = (received(one).content.get_planar_roi_measurement_groups() for one in (made, result()))
    assert len(marked) == len(unsigned)
    [_, group] = received(made).content.get_image_measurement_groups()
    assert items(group[0])["Where the reader sees it"]


def test_each_reader_has_a_group_and_the_one_that_holds_verifies() -> None:
    second = reading(username="otto", family_name="", given_name="", role="Second reader", holds=False)
    document = received(signed(reading(), second))
    groups = document.content.get_image_measurement_groups()
    assert [items(group[0])["Person Observer Name"] for group in groups[1:]] == ["Levi^Rita", "otto^"]
    assert [one.VerifyingObserverName for one in document.VerifyingObserverSequence] == ["Levi^Rita"]


def test_a_verified_report_is_another_document_and_always_the_same() -> None:
    plain = result()
    made = replace(plain, readings=(reading(),), verified=True)
    assert report(made) == report(made)
    assert report(made).SOPInstanceUID != report(plain).SOPInstanceUID
    later = replace(made, readings=(reading(signed=SIGNED.replace(year=2026)),))
    assert report(later).SOPInstanceUID != report(made).SOPInstanceUID
    assert report(later).SeriesInstanceUID == report(plain).SeriesInstanceUID


@pytest.mark.parametrize(
    "changes", [{"verified": False}, {"readings": (reading(outdated=True),)}, {"readings": (reading(family_name="L"),)}]
)
def test_a_report_that_tells_something_else_has_another_uid(changes: dict[str, Any]) -> None:
    made = signed()
    assert report(replace(made, **changes)).SOPInstanceUID != report(made).SOPInstanceUID


def test_a_name_cannot_break_out_of_its_component() -> None:
    made = signed(reading(family_name="Le^vi=\\x\n", given_name="R" * 100))
    [observer] = stored(report(made)).VerifyingObserverSequence
    assert observer.VerifyingObserverName == f"Le vi  x^{'R' * 32}"
