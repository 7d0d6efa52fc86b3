"""Assigning cases: who may, what it lets people see and do, and what it leaves in the audit trail."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import IntegrityError, transaction

from diagnosis.access import selectors, sharing
from diagnosis.access.permissions import may_change, may_review, may_run
from diagnosis.access.sharing import Assignee, SharingError, SharingForbidden
from diagnosis.models import Assignment, AuditEvent, Case, Slice, SliceResult
from tests.factories import CaseFactory, PredictionFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def case(user: User) -> Case:
    case: Case = CaseFactory(owner=user)
    return case


def assigned(case: Case, **to: Any) -> Assignment:
    return sharing.assign(case, to=Assignee(**to), actor=case.owner)


def sees(person: User, run: Any) -> set[str]:
    everything: dict[str, Any] = {
        "case": selectors.cases(person),
        "scan": selectors.scans(person),
        "prediction": selectors.predictions(person),
        "slice": selectors.slices(person),
        "result": selectors.slice_results(person),
        "case scan": selectors.case_scans(person, case=run.scan.case),
        "similar": [pk for pk in selectors.assigned_cases(person) if pk == run.scan.case_id],
    }
    return {name for name, rows in everything.items() if len(rows)}


@pytest.mark.parametrize("by_group", [False, True])
def test_an_assignee_sees_the_case_and_all_that_belongs_to_it(case: Case, other_user: User, by_group: bool) -> None:
    run = PredictionFactory(scan__case=case)
    row = Slice.objects.create(scan=run.scan, index=0, pixel_sha256="a" * 64)
    SliceResult.objects.create(prediction=run, slice=row, outcome="refused")
    PredictionFactory(scan__case=CaseFactory(owner=case.owner))  # stays hidden
    assert sees(other_user, run) == set()
    group = Group.objects.create(name="neuro")
    other_user.groups.add(group)
    assigned(case, group=group) if by_group else assigned(case, user=other_user)
    assert sees(other_user, run) == {"case", "scan", "prediction", "slice", "result", "case scan", "similar"}
    assert [found.pk for found in selectors.predictions(other_user)] == [run.pk]
    other_user.is_active = False
    assert not selectors.predictions(other_user).exists()


def test_an_assignee_may_review_retry_and_cancel_but_not_change(case: Case, other_user: User) -> None:
    run = PredictionFactory(scan__case=case)
    assert not may_run(other_user, run) and not may_review(other_user, case)
    assigned(case, user=other_user)
    assert may_run(other_user, run) and may_review(other_user, case)
    assert not may_change(other_user, case)


def test_a_list_tells_without_a_query_whose_runs_one_may_retry(
    case: Case, other_user: User, django_assert_num_queries: Any
) -> None:
    PredictionFactory(scan__case=case)
    PredictionFactory(scan__case=CaseFactory(owner=other_user))
    assigned(case, user=other_user)
    person: Any = other_user
    person.is_reader, person.has_assignments, person.has_policy = (
        False,
        True,
        False,
    )  # as the user of a request is loaded
    with django_assert_num_queries(1):
        assert [may_run(other_user, run) for run in selectors.predictions(other_user)] == [True, True]


def test_only_the_owner_and_administrators_assign(case: Case, other_user: User, reader: User, admin: User) -> None:
    third = UserFactory()
    assigned(case, user=other_user)
    for person in (other_user, reader, third):
        with pytest.raises(SharingForbidden):
            sharing.assign(case, to=Assignee(user=third), actor=person)
    sharing.assign(case, to=Assignee(user=third), actor=admin)
    assert set(Assignment.objects.values_list("user__username", "assigned_by__username")) == {
        (other_user.username, case.owner.username),
        (third.username, "root"),
    }


def test_each_assignment_and_its_end_is_audited_once(case: Case, other_user: User) -> None:
    first = assigned(case, user=other_user)
    assert assigned(case, user=other_user) == first
    sharing.withdraw(first, actor=case.owner)
    sharing.withdraw(first, actor=case.owner)
    rows = AuditEvent.objects.order_by("id").values_list("action", "target_id", "actor", "details")
    assert list(rows) == [
        ("case.assigned", str(case.pk), case.owner.username, {"to": other_user.username}),
        ("case.unassigned", str(case.pk), case.owner.username, {"to": other_user.username}),
    ]


def test_an_assignee_may_give_a_case_back_and_no_stranger_may_withdraw_it(
    case: Case, other_user: User, reader: User
) -> None:
    made = assigned(case, user=other_user)
    with pytest.raises(SharingForbidden):
        sharing.withdraw(made, actor=reader)
    sharing.withdraw(made, actor=other_user)
    assert not Assignment.objects.exists()


@pytest.mark.parametrize(
    ("names", "code"),
    [
        ({}, "assignee_required"),
        ({"user": "grace", "group": "reader"}, "assignee_required"),
        ({"user": "nobody"}, "unknown_assignee"),
        ({"group": "nobody"}, "unknown_assignee"),
    ],
)
def test_an_assignee_has_one_known_name(other_user: User, names: dict[str, str], code: str) -> None:
    with pytest.raises(SharingError) as caught:
        Assignee.named(**names)
    assert caught.value.code == code


@pytest.mark.parametrize("names", [{"user": "gra\0ce"}, {"group": "read\0er"}])
def test_a_name_that_no_database_can_hold_is_not_asked_for(
    names: dict[str, str], db: None, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0), pytest.raises(SharingError, match="Nobody has a name"):
        Assignee.named(**names)


def test_an_inactive_person_and_the_owner_get_no_assignment(case: Case, other_user: User) -> None:
    assert str(Assignee.named(user="grace")) == "grace" and str(Assignee.named(group="reader")) == "group reader"
    User.objects.filter(pk=other_user.pk).update(is_active=False)
    with pytest.raises(SharingError, match="no active user called grace"):
        Assignee.named(user="grace")
    with pytest.raises(SharingError, match="ada owns this case already") as caught:
        assigned(case, user=case.owner)
    assert caught.value.code == "already_owner"


def test_the_database_holds_one_assignee_and_one_assignment(case: Case, other_user: User) -> None:
    group = Group.objects.get(name="reader")
    Assignment.objects.create(case=case, user=other_user)
    Assignment.objects.create(case=case, group=group)
    for fields in ({}, {"user": other_user, "group": group}, {"user": other_user}, {"group": group}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Assignment.objects.create(case=case, **fields)


def test_people_and_groups_to_choose_from(case: Case, other_user: User) -> None:
    UserFactory(username="left", is_active=False)
    people, groups = sharing.assignees()
    assert (list(people), list(groups)) == (["ada", "grace"], ["reader"])
