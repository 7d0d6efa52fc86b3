"""A result in DICOM's terms: the input of the secondary captures and the structured report.

It holds no database rows or files; `export` reads those and builds a `Result`. All UIDs are the ones that
de-identification gave the images at this site.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydicom.dataset import Dataset
from pydicom.valuerep import DA, DT, TM

from diagnosis.deid import dicom as deid
from diagnosis.presentation import labels
from diagnosis.reports.readings import Reading
from ml.percent import percent

MANUFACTURER = "brainscan"
NOTICE = "Research use only, not a diagnosis"
SCHEME = "99BRAINSCAN"
"""Designator of our own codes (PS3.16, 8.2: private ones start with 99)."""


@dataclass(frozen=True, slots=True)
class SourceImage:
    """One image that the model judged.

    number: its position in the scan, from 1. frame: its number in a multi-frame object, from 1, else None. read_png:
    returns it as an upright PNG. evidence: `ml.contracts.Evidence` as JSON, or None. outcome: tumor or no_tumor.
    probability: 0 to 1.
    """

    sop_class: str
    instance: str
    number: int
    frame: int | None
    rows: int
    columns: int
    read_png: Callable[[], bytes]
    evidence: Mapping[str, Any] | None
    outcome: str
    uncertain: bool
    probability: float


@dataclass(frozen=True, slots=True)
class Result:
    """A prediction that is done.

    study, series: UIDs of the images. patient: a pseudonym. orientation_letters: what lies at the left, right, upper
    and lower edge, "" if unknown. probability: 0 to 1. tumor_type: "" if none is known. model: name@digest. key: equal
    for the same result, which thereby gets the same UIDs for as long as its patient is the same. trained_on: the model
    was made with this scan. readings: what people signed on the scan, the one that holds first. verified: that one
    attests this very result: it was signed beside it, with the same pixels.
    """

    study: str
    series: str
    patient: str
    orientation_letters: str
    sources: tuple[SourceImage, ...]
    outcome: str
    uncertain: bool
    probability: float
    calibrated: bool
    tumor_type: str
    model: str
    finished: datetime
    key: str
    trained_on: bool = False
    readings: tuple[Reading, ...] = ()
    verified: bool = False

    @property
    def outcome_text(self) -> str:
        """The outcome in words."""
        if self.uncertain:
            return "uncertain"
        return "tumor" if self.outcome == "tumor" else "no tumor found"

    @property
    def score_name(self) -> str:
        """What to call the number: it is a probability only if the model is calibrated."""
        return "Tumor probability" if self.calibrated else "Tumor score"

    def score_text(self, score: float) -> str:
        """The number as pages print it, which never rounds to certainty. score: 0 to 1."""
        return percent(score) if self.calibrated else labels.plain_score(score)

    def parts_of(self, source: SourceImage) -> tuple[object, ...]:
        """What identifies an image of this result, for `uid`: many images of an export may share a SOP Instance UID."""
        same = [one for one in self.sources if (one.instance, one.frame) == (source.instance, source.frame)]
        return source.instance, source.frame, *([source.number] if len(same) > 1 else [])

    def uid(self, *parts: object) -> str:
        """A UID for an object made of this result; the same parts always give the same UID (PS3.5, B.2).

        A case that was renamed makes other objects: an archive may keep those of the earlier Patient ID.
        """
        digest = hashlib.sha256("\0".join(map(str, (self.key, self.patient, *parts))).encode()).digest()
        return f"2.25.{int.from_bytes(digest[:16], 'big')}"


def patient_attributes(result: Result) -> dict[str, Any]:
    """Patient and study attributes, as arguments of highdicom's objects. Whatever this site does not know is empty."""
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


def series_attributes(result: Result) -> dict[str, Any]:
    """Series and equipment attributes, as arguments of highdicom's objects.

    Dates and times are those of the result, so the objects are the same each time they are made.
    """
    date, time = finished_at(result)
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


def finished_at(result: Result) -> tuple[DA, TM]:
    """When the prediction finished, as DICOM date and time."""
    return DA(result.finished.date()), TM(result.finished.time())


def mark_deidentified(dataset: Dataset, result: Result) -> None:
    """Add the creation time, the zone of all times in it, and that the patient's identity was removed."""
    dataset.TimezoneOffsetFromUTC = "+0000"
    dataset.InstanceCreationDate, dataset.InstanceCreationTime = finished_at(result)
    for equipment in dataset.ContributingEquipmentSequence:
        equipment.ContributionDateTime = DT(result.finished.replace(tzinfo=None))
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = deid.METHOD[:64]
