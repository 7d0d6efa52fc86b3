"""Which case a study goes to while its objects arrive one at a time."""

import pytest
from django.contrib.auth.models import User

from diagnosis.cases import trash
from diagnosis.dicom.study_cases import StudyCaseMap
from diagnosis.models import Case
from tests.factories import CaseFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def case(user: User) -> Case:
    return CaseFactory(reference="CA-1", owner=user)


def test_a_study_expires(user: User, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    study_cases = StudyCaseMap()
    study_cases.remember("1.2", case=case)
    assert (study_cases.reference("1.2", owner=user), study_cases.reference("1.3", owner=user)) == ("CA-1", "")
    monkeypatch.setattr("diagnosis.dicom.study_cases.EXPIRY_SECONDS", 0)
    assert study_cases.reference("1.2", owner=user) == ""


def test_the_case_goes_by_its_present_name_and_owner(user: User, other_user: User, case: Case) -> None:
    study_cases = StudyCaseMap()
    study_cases.remember("1.2", case=case)
    Case.objects.update(reference="CA-2")
    assert study_cases.reference("1.2", owner=user) == "CA-2"
    Case.objects.update(owner=other_user)
    assert study_cases.reference("1.2", owner=user) == ""


def test_a_case_in_the_trash_gets_nothing_more(user: User, case: Case) -> None:
    study_cases = StudyCaseMap()
    study_cases.remember("1.2", case=case)
    trash.delete_case(case, actor=user)
    assert study_cases.reference("1.2", owner=user) == ""
    trash.restore_case(case, actor=user)
    assert study_cases.reference("1.2", owner=user) == "CA-1"


def test_the_number_of_studies_is_limited(user: User, case: Case) -> None:
    study_cases = StudyCaseMap()
    for number in range(300):
        study_cases.remember(f"1.{number}", case=case)
    assert [study_cases.reference(study, owner=user) for study in ("1.0", "1.299")] == ["", "CA-1"]
