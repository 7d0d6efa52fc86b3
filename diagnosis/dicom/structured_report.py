"""The result as numbers and codes that other systems read: a measurement report (PS3.16, TID 1500).

One group says what the model makes of the whole scan. One more for each picture in which it sees tumor says how
probable it is there, and where: the box, as a closed line on the picture.
"""

from typing import Any

import numpy as np
from highdicom import sr
from highdicom.coding_schemes import CodingSchemeIdentificationItem
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from diagnosis.dicom import results
from diagnosis.dicom.results import NOTICE, SCHEME, Result, Source

SERIES_NUMBER = 9002
Box = tuple[float, float, float, float]

_UNKNOWN = (
    *("PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate", "StudyTime"),
    "ReferringPhysicianName",
)
_PRESENCE = {
    "tumor": codes.SCT.Present,
    "no_tumor": codes.SCT.Absent,
    "uncertain": codes.SCT.Indeterminate,
}


def report(result: Result) -> Dataset:
    """The report on a result: Comprehensive SR, preliminary and verified by nobody."""
    references = [_evidence(result, source) for source in result.sources]
    groups = [_overall(result)] + [_region(result, source, box) for source, box in _boxes(result)]
    content = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=_observer(result)),
        procedure_reported=codes.LN.BrainMRI,
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
    )
    options = results.common(result)
    document = sr.ComprehensiveSR(
        evidence=references,
        content=content[0],
        series_instance_uid=result.uid("report series"),
        series_number=SERIES_NUMBER,
        sop_instance_uid=result.uid("report"),
        instance_number=1,
        is_complete=True,
        is_final=False,
        is_verified=False,
        coding_schemes=[CodingSchemeIdentificationItem(SCHEME, name="Codes of brainscan")],
        **options,
    )
    results.mark(document, result)
    return document


def _code(value: str, meaning: str) -> sr.CodedConcept:
    return sr.CodedConcept(value=value, scheme_designator=SCHEME, meaning=meaning)


def _presence(outcome: str, *, uncertain: bool) -> sr.QualitativeEvaluation:
    name = _code("tumor", "Tumor, as the model judges")
    return sr.QualitativeEvaluation(name=name, value=_PRESENCE["uncertain" if uncertain else outcome])


def _measured(result: Result, probability: float) -> sr.Measurement:
    """0 to 1. Only what a calibrated model says is a probability."""
    name = codes.DCM.Probability if result.calibrated else _code("tumor-score", "Tumor score")
    return sr.Measurement(
        name=name, value=round(probability, 6), unit=codes.UCUM.NoUnits, algorithm_id=_algorithm(result)
    )


def _algorithm(result: Result) -> sr.AlgorithmIdentification:
    name, _, digest = result.model.partition("@")
    return sr.AlgorithmIdentification(name=name, version=digest or "unknown", manufacturer=results.MANUFACTURER)


def _overall(result: Result) -> sr.MeasurementsAndQualitativeEvaluations:
    said = [
        _presence(result.outcome, uncertain=result.uncertain),
        sr.QualitativeEvaluation(name=_code("purpose", "Purpose"), value=_code("research", NOTICE)),
    ]
    if result.tumor_type:
        kind = _code(result.tumor_type, result.tumor_type.capitalize())
        said.append(sr.QualitativeEvaluation(name=_code("tumor-type", "Most probable tumor type"), value=kind))
    return sr.MeasurementsAndQualitativeEvaluations(
        **_group(result, "scan", "Whole scan", said=result),
        measurements=[_measured(result, result.probability)],
        qualitative_evaluations=said,
    )


def _region(result: Result, source: Source, box: Box) -> sr.PlanarROIMeasurementsAndQualitativeEvaluations:
    """box: fractions of the picture as its file stores it. The line's coordinates are in pixels, from the upper left
    corner of the first one (PS3.3, C.18.6.1.1)."""
    x0, y0, x1, y1 = (float(share * side) for share, side in zip(box, (source.columns, source.rows) * 2, strict=True))
    image = sr.SourceImageForRegion(
        referenced_sop_class_uid=source.sop_class,
        referenced_sop_instance_uid=source.instance,
        referenced_frame_numbers=None if source.frame is None else [source.frame],
    )
    outline = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]])
    return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        **_group(result, f"{source.instance} {source.frame}", f"Picture {source.number}", said=source),
        referenced_region=sr.ImageRegion(graphic_type="POLYLINE", graphic_data=outline, source_image=image),
        measurements=[_measured(result, source.probability)],
        qualitative_evaluations=[_presence(source.outcome, uncertain=source.uncertain)],
    )


def _group(result: Result, part: str, name: str, *, said: Result | Source) -> dict[str, Any]:
    """What groups begin with. A finding is named only where there is one: who reads no further must not be misled."""
    found = said.outcome == "tumor" and not said.uncertain
    return {
        "tracking_identifier": sr.TrackingIdentifier(uid=result.uid("tracking", part), identifier=name),
        "finding_type": codes.SCT.Neoplasm if found else None,
        "finding_sites": [sr.FindingSite(anatomic_location=codes.SCT.Brain)],
    }


def _boxes(result: Result) -> list[tuple[Source, Box]]:
    """Where tumor is seen, or may be. A box in a picture without one is only the strongest of weak places."""
    found = [(one, (one.evidence or {}).get("box")) for one in result.sources]
    return [(one, tuple(box)) for one, box in found if box and (one.uncertain or one.outcome == "tumor")]


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


def _evidence(result: Result, source: Source) -> Dataset:
    """The picture as far as a report refers to it, and patient and study, which the report takes over."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = source.sop_class, source.instance
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = result.study, result.series
    dataset.Modality, dataset.Rows, dataset.Columns = "MR", source.rows, source.columns
    dataset.PatientID = result.patient
    for keyword in _UNKNOWN:
        setattr(dataset, keyword, None)
    return dataset
