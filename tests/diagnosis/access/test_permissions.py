"""Who may do what with a case; `test_sharing.py` has what an assignment allows."""

import pytest
from django.contrib.auth.models import AnonymousUser, User

from diagnosis.access.permissions import may_change, may_review
from tests.factories import CaseFactory

pytestmark = pytest.mark.django_db


def test_owners_and_readers_review_until_they_are_deactivated(user: User, reader: User, other_user: User) -> None:
    case = CaseFactory(owner=user)
    assert [may_review(person, case) for person in (user, reader, other_user)] == [True, True, False]
    for person in (user, reader):
        person.is_active = False
        assert not may_review(person, case)


def test_being_an_administrator_is_a_right_to_change_and_none_to_review(admin: User) -> None:
    case = CaseFactory()
    assert may_change(admin, case) and not may_review(admin, case)


def test_visitors_neither_change_nor_review() -> None:
    case = CaseFactory()
    assert not may_change(AnonymousUser(), case) and not may_review(AnonymousUser(), case)
