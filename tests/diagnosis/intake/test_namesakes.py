"""Two owners' cases of one name: told to whoever may see both, and to nobody else."""

import pytest
from django.contrib.auth.models import User

from diagnosis.intake import namesakes
from diagnosis.intake.namesakes import ReferenceInUse
from tests.factories import CaseFactory

pytestmark = pytest.mark.django_db


def test_a_user_who_can_see_the_other_case_is_shown_its_owner(reader: User, user: User) -> None:
    case = CaseFactory(owner=user, reference="CA-1")
    with pytest.raises(ReferenceInUse, match="ada already has a case CA-1") as raised:
        namesakes.check(reader, reference="CA-1")
    assert raised.value.cases == [case]


def test_a_user_who_cannot_see_it_learns_nothing(other_user: User, user: User) -> None:
    CaseFactory(owner=user, reference="CA-1")
    namesakes.check(other_user, reference="CA-1")
    assert not namesakes.of(other_user, reference="CA-1").exists()


def test_an_own_case_of_that_name_is_never_in_question(reader: User, user: User) -> None:
    CaseFactory(owner=user, reference="CA-1")
    CaseFactory(owner=reader, reference="CA-1")
    namesakes.check(reader, reference="CA-1")


def test_an_empty_reference_raises_no_question(reader: User) -> None:
    namesakes.check(reader, reference="")
