"""Reports and captures, read back the way a receiver would."""

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from highdicom.sr import srread
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import (
    ComprehensiveSRStorage,
    EnhancedMRImageStorage,
    MRImageStorage,
    SecondaryCaptureImageStorage,
    generate_uid,
)

from diagnosis.dicom.results import NOTICE, Result, SourceImage
from diagnosis.dicom.secondary_capture import capture
from diagnosis.dicom.structured_report import report
from ml.evidence.localize import locate
from ml.model.heads import CELLS
from ml.preprocess import Geometry
from tests.builders import phantom, png_bytes


def evidence_of(size: int) -> dict[str, Any]:
    """A map with one hot place, right of the middle and above it."""
    cells = np.full((CELLS, CELLS), 0.02)
    cells[4:6, 8:10] = 0.9
    return locate(cells, geometry=Geometry(0, 0, size, 0, 0, size, size, 1)).as_dict()


def source(number: int = 1, **changes: Any) -> SourceImage:
    given: dict[str, Any] = {
        "sop_class": str(MRImageStorage),
        "instance": generate_uid(),
        "number": number,
        "frame": None,
        "rows": 256,
        "columns": 200,
        "read_png": lambda: png_bytes(phantom(128)),
        "evidence": evidence_of(128),
        "outcome": "tumor",
        "uncertain": False,
        "probability": 0.91,
    }
    return SourceImage(**given | changes)


def result(*sources: SourceImage, **changes: Any) -> Result:
    given: dict[str, Any] = {
        "study": generate_uid(),
        "series": generate_uid(),
        "patient": "CA-ABC234",
        "orientation_letters": "RLAP",
        "sources": sources or (source(),),
        "outcome": "tumor",
        "uncertain": False,
        "probability": 0.93,
        "calibrated": True,
        "tumor_type": "glioma",
        "model": "vgg16-cells-4@0123456789ab",
        "finished": datetime(2025, 3, 4, 5, 6, 7, tzinfo=UTC),
        "key": "7",
    }
    return Result(**given | changes)


def stored(dataset: Dataset) -> Dataset:
    """As it is after its way through a file."""
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return dcmread(io.BytesIO(stream.getvalue()))


def test_objects_of_another_patient_have_other_uids() -> None:
    made = result()
    renamed = replace(made, patient="CA-RENAMED")
    for make in (report, lambda one: capture(one, one.sources[0])):
        before, after = make(made), make(renamed)
        assert (before.PatientID, after.PatientID) == ("CA-ABC234", "CA-RENAMED")
        assert before.SOPInstanceUID != after.SOPInstanceUID
        assert before.SeriesInstanceUID != after.SeriesInstanceUID
        assert make(made).SOPInstanceUID == before.SOPInstanceUID


def test_the_attributes_of_a_capture() -> None:
    made = result()
    [one] = made.sources
    found = stored(capture(made, one))
    assert found.SOPClassUID == SecondaryCaptureImageStorage
    assert list(found.ImageType) == ["DERIVED", "SECONDARY"]
    assert (found.BurnedInAnnotation, found.ConversionType) == ("YES", "WSD")
    assert NOTICE in found.ImageComments
    assert found.StudyInstanceUID == made.study
    assert found.SeriesInstanceUID not in (made.series, made.study)
    [item] = found.SourceImageSequence
    assert (item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID) == (MRImageStorage, one.instance)
    assert "ReferencedFrameNumber" not in item
    assert list(found.PatientOrientation) == ["L", "P"]
    assert found.SoftwareVersions == "vgg16-cells-4@0123456789ab"
    assert found.ContentQualification == "RESEARCH"


@pytest.mark.parametrize("make", [lambda made: capture(made, made.sources[0]), report])
def test_the_pseudonym_is_the_only_patient_attribute(make: Callable[[Result], Dataset]) -> None:
    found = stored(make(result()))
    assert (found.PatientID, found.PatientIdentityRemoved) == ("CA-ABC234", "YES")
    for keyword in (
        *("PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate", "StudyTime"),
        "ReferringPhysicianName",
    ):
        assert not found[keyword].value, keyword
    assert "InstitutionName" not in found and "OperatorsName" not in found


def test_a_capture_shows_image_evidence_and_text() -> None:
    made = result()
    with_map = capture(made, made.sources[0]).pixel_array
    plain = capture(made, replace(made.sources[0], evidence=None)).pixel_array
    assert with_map.shape == plain.shape and with_map.shape[1] == 512 and with_map.shape[0] > 512
    colored = np.ptp(with_map[:512].astype(int), axis=2) > 40
    assert colored.mean() > 0.01
    assert not (np.ptp(plain[:512].astype(int), axis=2) > 0).any()
    assert (plain[512:] > 200).mean() > 0.005  # words below
    rows, columns = np.nonzero(colored[:440])
    assert 0.5 < columns.mean() / 512 < 0.75 and 0.2 < rows.mean() / 512 < 0.5


@pytest.mark.parametrize("size", [(64, 256), (1024, 300), (1024, 1024), (64, 64)])
def test_images_of_any_shape_get_their_text(size: tuple[int, int]) -> None:
    made = result(source(read_png=lambda: png_bytes(np.resize(phantom(256), size))))
    pixels = capture(made, made.sources[0]).pixel_array
    assert pixels.shape[0] > pixels.shape[1] * size[0] / size[1]
    assert max(pixels.shape) <= 1024 + 200


def test_an_unknown_orientation_stays_unknown() -> None:
    made = result(orientation_letters="")
    assert not stored(capture(made, made.sources[0])).PatientOrientation


def test_captures_of_frames_have_different_uids() -> None:
    uid = generate_uid()
    sources = [source(n, frame=n, instance=uid, sop_class=str(EnhancedMRImageStorage)) for n in (1, 2)]
    made = result(*sources)
    first, second = (stored(capture(made, one)) for one in made.sources)
    assert first.SOPInstanceUID != second.SOPInstanceUID
    assert [one.SourceImageSequence[0].ReferencedFrameNumber for one in (first, second)] == [1, 2]
    assert [one.InstanceNumber for one in (first, second)] == [1, 2]
    regions = srread_groups(report(made))
    assert [group.referencedframe for group in regions] == [1, 2]


def test_uids_depend_on_the_result_alone() -> None:
    made = result()
    one = made.sources[0]
    assert capture(made, one) == capture(made, one)
    assert report(made) == report(made)
    other = replace(made, key="8")
    assert capture(other, one).SOPInstanceUID != capture(made, one).SOPInstanceUID
    assert report(other).SOPInstanceUID != report(made).SOPInstanceUID


class Group:
    """A region of a report, as its receiver finds it."""

    def __init__(self, group: Any) -> None:
        region = group.roi
        self.points = np.asarray(region.value)
        image = region.ContentSequence[0].ReferencedSOPSequence[0]
        self.instance = image.ReferencedSOPInstanceUID
        self.referencedframe = image.get("ReferencedFrameNumber")
        [measured] = group.get_measurements()
        self.value = measured.value


def srread_groups(document: Dataset) -> list[Group]:
    stream = io.BytesIO()
    document.save_as(stream, enforce_file_format=True)
    stream.seek(0)
    content: Any = srread(stream).content
    return [Group(one) for one in content.get_planar_roi_measurement_groups()]


def overall(document: Dataset) -> Any:
    stream = io.BytesIO()
    document.save_as(stream, enforce_file_format=True)
    stream.seek(0)
    content: Any = srread(stream).content
    [found] = content.get_image_measurement_groups()
    return found


def test_the_first_group_is_on_the_whole_scan() -> None:
    made = result()
    document = report(made)
    found = stored(document)
    assert found.SOPClassUID == ComprehensiveSRStorage
    assert (found.CompletionFlag, found.PreliminaryFlag, found.VerificationFlag) == (
        "COMPLETE",
        "PRELIMINARY",
        "UNVERIFIED",
    )
    assert found.StudyInstanceUID == made.study
    assert found.SeriesDescription == NOTICE
    [item] = found.CurrentRequestedProcedureEvidenceSequence
    [series] = item.ReferencedSeriesSequence
    assert (item.StudyInstanceUID, series.SeriesInstanceUID) == (made.study, made.series)
    group = overall(document)
    [measured] = group.get_measurements()
    assert measured.name.meaning == "Probability"
    assert group.finding_type.meaning == "Neoplasm"
    assert (measured.value, measured.unit.value) == (0.93, "1")
    said = {one.name.meaning: one.value.meaning for one in group.get_qualitative_evaluations()}
    assert said == {
        "Tumor, as the model judges": "Present",
        "Purpose": NOTICE,
        "Reading by a person": "Not signed by a reader",
        "Most probable tumor type": "Glioma",
    }
    text = str(found)
    assert "vgg16-cells-4" in text and "0123456789ab" in text


def test_a_region_is_the_box_in_pixels_of_the_file() -> None:
    made = result()
    [group] = srread_groups(report(made))
    [one] = made.sources
    assert one.evidence is not None
    x0, y0, x1, y1 = one.evidence["box"]
    expected = [[x0 * 200, y0 * 256], [x1 * 200, y0 * 256], [x1 * 200, y1 * 256], [x0 * 200, y1 * 256]]
    assert group.points[:4] == pytest.approx(np.array(expected), abs=1e-3)
    assert group.points[4] == pytest.approx(group.points[0])
    assert (group.instance, group.value) == (one.instance, 0.91)


def test_only_images_with_certain_or_possible_tumor_have_a_region() -> None:
    sources = [
        source(1),
        source(2, outcome="no_tumor", probability=0.1),
        source(3, outcome="no_tumor", uncertain=True, probability=0.4),
        source(4, evidence=None),
        source(5, evidence=evidence_of(128) | {"box": None}),
    ]
    made = result(*sources)
    document = report(made)
    assert [group.instance for group in srread_groups(document)] == [sources[0].instance, sources[2].instance]
    [item] = document.CurrentRequestedProcedureEvidenceSequence
    referenced = {one.ReferencedSOPInstanceUID for one in item.ReferencedSeriesSequence[0].ReferencedSOPSequence}
    assert referenced == {one.instance for one in sources}


@pytest.mark.parametrize(
    ("changes", "presence"),
    [
        ({"outcome": "no_tumor", "tumor_type": ""}, "Absent"),
        ({"outcome": "no_tumor", "uncertain": True, "tumor_type": ""}, "Indeterminate"),
        ({"outcome": "tumor", "uncertain": True, "tumor_type": ""}, "Indeterminate"),
    ],
)
def test_no_tumor_is_absent_and_an_uncertain_result_indeterminate(changes: dict[str, Any], presence: str) -> None:
    group = overall(report(result(**changes)))
    said = {one.name.meaning: one.value.meaning for one in group.get_qualitative_evaluations()}
    assert said.pop("Reading by a person") == "Not signed by a reader"
    assert said == {"Tumor, as the model judges": presence, "Purpose": NOTICE}
    assert group.finding_type is None


def test_a_score_is_not_called_a_probability() -> None:
    [measured] = overall(report(result(calibrated=False))).get_measurements()
    assert measured.name.meaning == "Tumor score"


def test_the_times_of_report_and_capture_are_in_utc() -> None:
    made = result()
    for found in (report(made), capture(made, made.sources[0])):
        when = (str(found.InstanceCreationDate), str(found.InstanceCreationTime))
        assert (*when, found.TimezoneOffsetFromUTC) == ("20250304", "050607", "+0000")
