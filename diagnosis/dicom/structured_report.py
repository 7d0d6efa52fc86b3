"""The result as coded values that other systems can read: a measurement report (PS3.16, TID 1500).

The first measurement group is on the whole scan. Each image in which the model sees tumor has a group of its own with
the probability in that image, and the evidence box as a closed polyline. Each signed reading follows as a group
observed by a person.
"""

from typing import Any

import numpy as np
from highdicom import sr
from highdicom.coding_schemes import CodingSchemeIdentificationItem
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from diagnosis.dicom import results, signed_readings
from diagnosis.dicom.results import NOTICE, SCHEME, Result, SourceImage
from diagnosis.dicom.signed_readings import own_code
from diagnosis.presentation import sentences

SERIES_NUMBER = 9002
Box = tuple[float, float, float, float]

_EMPTY_KEYWORDS = (
    *("PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate", "StudyTime"),
    "ReferringPhysicianName",
)
_PRESENCE = {
    "tumor": codes.SCT.Present,
    "no_tumor": codes.SCT.Absent,
    "uncertain": codes.SCT.Indeterminate,
}


def report(result: Result) -> Dataset:
    """The report on a result: a Comprehensive SR.

    It is verified (by the signer) and final only where a signature attests this very result (PS3.3, C.17.2). Whatever
    changes in the readings, or in whether they verify the result, makes another document with a UID of its own, for a
    verified one must not change.
    """
    references = [_evidence_dataset(result, source) for source in result.sources]
    groups = [_scan_group(result)] + [_image_group(result, source, box) for source, box in _boxes(result)]
    groups += [signed_readings.group(result, reading) for reading in result.readings]
    content = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=_observer(result)),
        procedure_reported=codes.LN.BrainMRI,
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
    )
    options = results.series_attributes(result)
    document = sr.ComprehensiveSR(
        evidence=references,
        content=content[0],
        series_instance_uid=result.uid("report series"),
        series_number=SERIES_NUMBER,
        sop_instance_uid=result.uid("report", *result.readings, result.verified),
        instance_number=1,
        is_complete=True,
        **signed_readings.verification(result),
        coding_schemes=[CodingSchemeIdentificationItem(SCHEME, name="Codes of brainscan")],
        **options,
    )
    signed_readings.date_verification(document, result)
    results.mark_deidentified(document, result)
    return document


def _presence(outcome: str, *, uncertain: bool) -> sr.QualitativeEvaluation:
    name = own_code("tumor", "Tumor, as the model judges")
    return sr.QualitativeEvaluation(name=name, value=_PRESENCE["uncertain" if uncertain else outcome])


def _measurement(result: Result, probability: float) -> sr.Measurement:
    """probability: 0 to 1; reported under that name only if the model is calibrated."""
    name = codes.DCM.Probability if result.calibrated else own_code("tumor-score", "Tumor score")
    return sr.Measurement(
        name=name, value=round(probability, 6), unit=codes.UCUM.NoUnits, algorithm_id=_algorithm(result)
    )


def _algorithm(result: Result) -> sr.AlgorithmIdentification:
    name, _, digest = result.model.partition("@")
    return sr.AlgorithmIdentification(name=name, version=digest or "unknown", manufacturer=results.MANUFACTURER)


def _scan_group(result: Result) -> sr.MeasurementsAndQualitativeEvaluations:
    evaluations = [
        _presence(result.outcome, uncertain=result.uncertain),
        sr.QualitativeEvaluation(name=own_code("purpose", "Purpose"), value=own_code("research", NOTICE)),
    ]
    if not result.readings:
        unsigned = own_code("unsigned", "Not signed by a reader")
        evaluations.append(sr.QualitativeEvaluation(name=own_code("reading", "Reading by a person"), value=unsigned))
    if result.trained_on:
        trained_on = own_code("trained-on", sentences.TRAINED_ON[0])
        evaluations.append(sr.QualitativeEvaluation(name=own_code("training", "Part in training"), value=trained_on))
    if result.tumor_type:
        tumor_type = own_code(result.tumor_type, result.tumor_type.capitalize())
        evaluations.append(
            sr.QualitativeEvaluation(name=own_code("tumor-type", "Most probable tumor type"), value=tumor_type)
        )
    return sr.MeasurementsAndQualitativeEvaluations(
        **_group(result, "scan", "Whole scan", of=result),
        measurements=[_measurement(result, result.probability)],
        qualitative_evaluations=evaluations,
    )


def _image_group(result: Result, source: SourceImage, box: Box) -> sr.PlanarROIMeasurementsAndQualitativeEvaluations:
    """box: fractions of the image as stored in its file. The polyline's coordinates are in pixels, from the upper left
    corner of the first pixel (PS3.3, C.18.6.1.1)."""
    x0, y0, x1, y1 = (
        float(fraction * side) for fraction, side in zip(box, (source.columns, source.rows) * 2, strict=True)
    )
    image = sr.SourceImageForRegion(
        referenced_sop_class_uid=source.sop_class,
        referenced_sop_instance_uid=source.instance,
        referenced_frame_numbers=None if source.frame is None else [source.frame],
    )
    outline = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]])
    return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        **_group(result, " ".join(map(str, result.parts_of(source))), f"Image {source.number}", of=source),
        referenced_region=sr.ImageRegion(graphic_type="POLYLINE", graphic_data=outline, source_image=image),
        measurements=[_measurement(result, source.probability)],
        qualitative_evaluations=[_presence(source.outcome, uncertain=source.uncertain)],
    )


def _group(result: Result, part: str, name: str, *, of: Result | SourceImage) -> dict[str, Any]:
    """Arguments that all groups share. The finding is named only if there is one, lest it mislead a hasty reader."""
    has_tumor = of.outcome == "tumor" and not of.uncertain
    return {
        "tracking_identifier": sr.TrackingIdentifier(uid=result.uid("tracking", part), identifier=name),
        "finding_type": codes.SCT.Neoplasm if has_tumor else None,
        "finding_sites": [sr.FindingSite(anatomic_location=codes.SCT.Brain)],
    }


def _boxes(result: Result) -> list[tuple[SourceImage, Box]]:
    """The boxes of images in which the model sees, or may see, tumor. In others the box marks no more than noise."""
    boxes = [(one, (one.evidence or {}).get("box")) for one in result.sources]
    return [(one, tuple(box)) for one, box in boxes if box and (one.uncertain or one.outcome == "tumor")]


def _observer(result: Result) -> sr.ObserverContext:
    name, _, digest = result.model.partition("@")
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=result.uid("device", result.model),
        name=results.MANUFACTURER,
        manufacturer_name=results.MANUFACTURER,
        model_name=name,
        serial_number=digest or None,
    )
    return sr.ObserverContext(observer_type=codes.DCM.Device, observer_identifying_attributes=device)


def _evidence_dataset(result: Result, source: SourceImage) -> Dataset:
    """The attributes of an image that a report refers to, with the patient and study attributes that it copies."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = source.sop_class, source.instance
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = result.study, result.series
    dataset.Modality, dataset.Rows, dataset.Columns = "MR", source.rows, source.columns
    dataset.PatientID = result.patient
    dataset.SpecificCharacterSet = "ISO_IR 192"  # the report's, too: comments are in any language
    for keyword in _EMPTY_KEYWORDS:
        setattr(dataset, keyword, None)
    return dataset
