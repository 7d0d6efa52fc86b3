"""Images of two Patient IDs in one case: that is noted, and no ID is kept."""

from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from diagnosis import intake
from diagnosis.cases import trash
from diagnosis.dicom import ingest
from diagnosis.dicom.identity import HEAD_BYTES, identify
from diagnosis.dicom.ingest import ReceivedInstance
from diagnosis.dicom.spool import Spool
from diagnosis.inference import series
from diagnosis.models import Scan
from diagnosis.models.scan import OTHER_PATIENT
from tests import builders

pytestmark = pytest.mark.django_db


def receive(user: Any, *files: bytes, reference: str = "") -> None:
    uploads = [SimpleUploadedFile(f"IM{number}", data) for number, data in enumerate(files)]
    intake.receive(user=user, files=uploads, reference=reference)


def noted() -> list[bool]:
    return [OTHER_PATIENT in scan.notes for scan in Scan.objects.order_by("pk")]


def frames(patient: str, seed: int = 0) -> bytes:
    """A multi-frame object: a file that is a scan of its own."""
    return builders.dicom_bytes(np.stack([builders.phantom(64, seed=seed + n) for n in range(3)]), PatientID=patient)


def test_the_second_patient_of_an_upload_is_noted(user: Any) -> None:
    receive(user, *builders.dicom_series(2, PatientID="4711"), *builders.dicom_series(2, PatientID="0815"))
    assert len(set(Scan.objects.values_list("case", flat=True))) == 1
    assert noted() == [False, True]
    series.arrange(Scan.objects.latest("pk"))
    assert noted() == [False, True]


@pytest.mark.parametrize("other", [frames("0815", 9), builders.dicom_series(1, PatientID="0815")[0]])
def test_so_is_one_who_comes_later_into_a_named_case(user: Any, other: bytes) -> None:
    receive(user, frames("4711"), reference="CA-1")
    receive(user, other, reference="CA-1")
    assert noted() == [False, True]


@pytest.mark.parametrize("patient", ["4711", "ANONYMOUS", ""])
def test_the_same_or_no_patient_is_not(user: Any, patient: str) -> None:
    receive(user, frames("4711"), frames(patient, 9), builders.png_bytes())
    assert noted() == [False] * 3


def test_other_cases_and_the_trash_tell_nothing(user: Any) -> None:
    receive(user, frames("4711"), reference="CA-1")
    receive(user, frames("0815", 9), reference="CA-2")
    trash.delete_scan(Scan.objects.get(case__reference="CA-1"), actor=user)
    receive(user, frames("0815", 19), reference="CA-1")
    assert noted() == [False] * 3


def test_with_case_by_patient_each_has_a_case(user: Any, settings: Any) -> None:
    settings.CASE_BY_PATIENT = True
    receive(user, frames("4711"), frames("0815", 9))
    assert noted() == [False, False]
    receive(user, frames("4711"), frames("0815", 9), reference="CA-1")
    assert noted() == [False, False, False, True]


def test_one_study_of_two_patients_from_a_scanner_is_noted(user: Any) -> None:
    same: dict[str, Any] = {"StudyInstanceUID": "1.2.3"}
    with Spool() as spool:
        received = []
        for patient in ("4711", "0815"):
            [data] = builders.dicom_series(1, PatientID=patient, **same)
            file = spool.add(f"{patient}.dcm", [data], max_bytes=len(data))
            received.append(ReceivedInstance(identify(data[:HEAD_BYTES]), file))
            file.seek(0)
        ingest.submit(received, user=user)
    assert noted() == [False, True]


def test_receipt_and_upload_list_show_the_note_and_no_patient_id(as_user: Client) -> None:
    files = [SimpleUploadedFile("a", frames("PID4711")), SimpleUploadedFile("b", frames("PID0815", 9))]
    answer = as_user.post("/api/v1/scans/", {"files": files}).json()
    assert [OTHER_PATIENT in scan["notes"] for scan in answer["scans"]] == [False, True]
    files = [SimpleUploadedFile("a", frames("PID4711", 19)), SimpleUploadedFile("b", frames("PID0815", 29))]
    page = as_user.post("/upload/", {"files": files}).content.decode()
    assert page.count(OTHER_PATIENT) == 1
    kept = page + str(answer) + str(list(Scan.objects.values()))
    assert "PID4711" not in kept and "PID0815" not in kept
