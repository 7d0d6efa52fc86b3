"""An account is removed with its cases handed over, all at once or not at all."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from diagnosis.access import selectors, sharing
from diagnosis.cases import handing_over, notes, trash
from diagnosis.cases.errors import CaseForbidden, CaseRefused
from diagnosis.models import Assignment, AuditEvent, Case, Prediction, Review
from tests.factories import CaseFactory, token_key

pytestmark = pytest.mark.django_db


def refused(**arguments: Any) -> str:
    with pytest.raises(CaseRefused) as error:
        handing_over.remove(**arguments)
    return error.value.code


def test_cases_of_the_trash_go_too_and_the_account_is_deactivated(
    case: Case, user: User, other_user: User, admin: User
) -> None:
    trash.delete_case(CaseFactory(owner=user, reference="CA-2"), actor=user)
    token_key(user)
    assert handing_over.remove(user, to=other_user, actor=admin) == 2
    user.refresh_from_db()
    assert not user.is_active and not user.api_tokens.exists()
    assert set(Case.objects.values_list("owner", flat=True)) == {other_user.pk}
    assert selectors.predictions(other_user).count() == 2
    assert set(Prediction.objects.values_list("owner_name", flat=True)) == {"grace"}
    handed = AuditEvent.objects.filter(action="case.handed_over")
    assert {(event.actor, event.details["owner"]) for event in handed} == {("root", "grace")}


def test_deleting_keeps_what_others_need(case: Case, user: User, other_user: User, admin: User) -> None:
    notes.add_note(case, author=user, text="Mine.")
    handing_over.remove(user, to=other_user, actor=admin, delete=True)
    assert not User.objects.filter(username="ada").exists()
    assert case.notes.get().author_name == "ada"
    assert Prediction.objects.filter(requested_by=None, owner=other_user).count() == 2
    assert AuditEvent.objects.get(action="user.deleted").target == "ada"


def test_what_was_assigned_to_the_account_or_its_heir_no_longer_is(
    case: Case, user: User, other_user: User, admin: User
) -> None:
    foreign = CaseFactory(owner=admin)
    for one, person in ((case, other_user), (foreign, user), (foreign, other_user)):
        sharing.assign(one, to=sharing.Assignee(user=person), actor=admin)
    handing_over.remove(user, to=other_user, actor=admin)
    assert list(Assignment.objects.values_list("case", "user")) == [(foreign.pk, other_user.pk)]
    ended = AuditEvent.objects.filter(action="case.unassigned").order_by("pk")
    assert [(event.target_id, event.actor, event.details) for event in ended] == [
        (str(case.pk), "root", {"to": "grace"}),
        (str(foreign.pk), "root", {"to": "ada"}),
    ]


def test_an_account_without_cases_needs_no_new_owner(user: User, admin: User) -> None:
    assert handing_over.remove(user, to=None, actor=admin, delete=True) == 0


def test_collisions_are_told_before_and_renamed_if_asked(case: Case, user: User, other_user: User, admin: User) -> None:
    CaseFactory(owner=other_user, reference="CA-1")
    CaseFactory(owner=other_user, reference="CA-1-ada")
    assert handing_over.collisions(user, to=other_user) == {"CA-1": "CA-1-ada1"}
    with pytest.raises(CaseRefused, match=r"CA-1 \(would become CA-1-ada1\)"):
        handing_over.remove(user, to=other_user, actor=admin)
    assert Case.objects.get(pk=case.pk).owner == user and User.objects.get(pk=user.pk).is_active
    handing_over.remove(user, to=other_user, actor=admin, rename=True)
    assert Case.objects.get(pk=case.pk).reference == "CA-1-ada1"
    assert selectors.predictions(other_user).filter(case_reference="CA-1-ada1").count() == 2


def test_whoever_signed_is_deactivated_only(case: Case, user: User, other_user: User, admin: User) -> None:
    scan, at = case.scans.first(), timezone.now()
    assert scan is not None
    Review.objects.create(
        scan=scan, reader=user, mode="open", state="signed", finding="tumor", pixel_sha256=scan.pixel_sha256,
        committed=at, signed=at, signed_by=user,
    )  # fmt: skip
    assert refused(user=user, to=other_user, actor=admin, delete=True) == "has_readings"
    assert Case.objects.get(pk=case.pk).owner == user  # nothing was done
    handing_over.remove(user, to=other_user, actor=admin)
    assert Case.objects.get(pk=case.pk).owner == other_user


def test_conditions_that_forbid_it(case: Case, user: User, other_user: User, admin: User) -> None:
    assert refused(user=admin, to=other_user, actor=admin) == "own_account"
    assert refused(user=user, to=None, actor=admin) == "no_new_owner"
    assert refused(user=user, to=user, actor=admin) == "no_new_owner"
    other_user.is_active = False
    assert refused(user=user, to=other_user, actor=admin) == "no_new_owner"
    with pytest.raises(CaseForbidden):
        handing_over.remove(user, to=admin, actor=other_user)
