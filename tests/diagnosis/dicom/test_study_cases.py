"""Which case a study goes to while its objects arrive one at a time."""

import pytest

from diagnosis.dicom.study_cases import StudyCaseMap


def test_a_study_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    study_cases = StudyCaseMap()
    study_cases.remember("1.2", reference="CA-1")
    assert (study_cases.get("1.2"), study_cases.get("1.3")) == ("CA-1", "")
    monkeypatch.setattr("diagnosis.dicom.study_cases.EXPIRY_SECONDS", 0)
    assert study_cases.get("1.2") == ""


def test_the_number_of_studies_is_limited() -> None:
    study_cases = StudyCaseMap()
    for number in range(300):
        study_cases.remember(f"1.{number}", reference="CA-1")
    assert (study_cases.get("1.0"), study_cases.get("1.299")) == ("", "CA-1")
