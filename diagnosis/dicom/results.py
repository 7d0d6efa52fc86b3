"""What a result says, in the terms of DICOM: the input of the secondary captures and of the structured report.

No row of the database comes this far, and no file: whoever builds a `Result` reads them (see `outbox`). All UIDs are
those by which this site knows the pictures.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydicom.dataset import Dataset
from pydicom.valuerep import DA, DT, TM

from diagnosis.deid import dicom as deid

MANUFACTURER = "brainscan"
NOTICE = "Research use only, not a diagnosis"
SCHEME = "99BRAINSCAN"
"""Designator of codes of our own (PS3.16, 8.2: private ones begin with 99)."""


@dataclass(frozen=True, slots=True)
class Source:
    """One picture that was judged. number: its place among the scan's, from 1. frame: its number in a multi-frame
    object, from 1, else None. picture: gives a PNG of it, upright. evidence: `ml.contracts.Evidence` in JSON, or None.
    outcome: tumor or no_tumor."""

    sop_class: str
    instance: str
    number: int
    frame: int | None
    rows: int
    columns: int
    picture: Callable[[], bytes]
    evidence: Mapping[str, Any] | None
    outcome: str
    uncertain: bool
    probability: float


@dataclass(frozen=True, slots=True)
class Result:
    """One run of a model on a scan, done. study, series: where the pictures belong. patient: a pseudonym. letters: what
    lies at the left, right, upper and lower edge, "" where not known. tumor_type: "" where there is none to tell.
    model: name@digest. key: the same for the same result, so that it gets the same UIDs again."""

    study: str
    series: str
    patient: str
    letters: str
    sources: tuple[Source, ...]
    outcome: str
    uncertain: bool
    probability: float
    calibrated: bool
    tumor_type: str
    model: str
    finished: datetime
    key: str

    @property
    def said(self) -> str:
        """The outcome as a person reads it."""
        if self.uncertain:
            return "uncertain"
        return "tumor" if self.outcome == "tumor" else "no tumor found"

    @property
    def measure(self) -> str:
        """What the number is: only a calibrated model's is a probability."""
        return "Tumor probability" if self.calibrated else "Tumor score"

    def uid(self, *parts: object) -> str:
        """A UID for something made of this result: of the same parts always the same (PS3.5, B.2)."""
        digest = hashlib.sha256("\0".join(map(str, (self.key, *parts))).encode()).digest()
        return f"2.25.{int.from_bytes(digest[:16], 'big')}"


def of_patient(result: Result) -> dict[str, Any]:
    """Patient and study, as highdicom's objects take them. What is not known here is empty."""
    return {
        "patient_id": result.patient,
        "patient_name": None,
        "patient_birth_date": "",
        "patient_sex": None,
        "accession_number": None,
        "study_id": None,
        "study_date": None,
        "study_time": None,
        "referring_physician_name": None,
    }


def common(result: Result) -> dict[str, Any]:
    """Series and equipment, as highdicom's objects take them. The times are those of the result, so that making the
    objects again makes the same ones."""
    date, time = moment(result)
    return {
        "series_description": NOTICE,
        "manufacturer": MANUFACTURER,
        "manufacturer_model_name": MANUFACTURER,
        "software_versions": result.model[:64],
        "device_serial_number": result.model.partition("@")[2][:64] or "unknown",
        "content_qualification": "RESEARCH",
        "content_date": date,
        "content_time": time,
        "series_date": date,
        "series_time": time,
    }


def moment(result: Result) -> tuple[DA, TM]:
    """When the result was there, as DICOM writes it."""
    return DA(result.finished.date()), TM(result.finished.time())


def mark(dataset: Dataset, result: Result) -> None:
    """Say when it was made, and that the patient's identity is not in it."""
    dataset.InstanceCreationDate, dataset.InstanceCreationTime = moment(result)
    for equipment in dataset.ContributingEquipmentSequence:
        equipment.ContributionDateTime = DT(result.finished.replace(tzinfo=None))
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = deid.METHOD[:64]
