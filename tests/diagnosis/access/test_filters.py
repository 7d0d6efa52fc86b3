"""Filters by tumor type, review state and assignment; the worklist's tests hold the others."""

import pytest
from django.contrib.auth.models import Group, User
from django.http import QueryDict

from diagnosis.access import selectors, sharing
from diagnosis.access.filters import PredictionFilter
from diagnosis.access.sharing import Assignee
from diagnosis.models import Prediction, Scan
from diagnosis.models.scan import REVIEW_STATES, Reading
from diagnosis.reviews import transitions
from diagnosis.reviews.consensus import with_review_state
from diagnosis.reviews.opinions import Opinion
from tests.factories import CaseFactory, PredictionFactory

pytestmark = pytest.mark.django_db


def found(user: User, query: str) -> set[int]:
    return set(
        PredictionFilter(QueryDict(query), queryset=selectors.predictions(user), user=user).qs.values_list(
            "pk", flat=True
        )
    )


def test_by_the_type_that_the_list_states(user: User) -> None:
    case = CaseFactory(owner=user)
    glioma = PredictionFactory(scan__case=case)
    pituitary = PredictionFactory(scan__case=case, type_probabilities={"glioma": 0.1, "pituitary": 0.9})
    PredictionFactory(scan__case=case, uncertain=True)
    PredictionFactory(scan__case=case, outcome="no_tumor", tumor_probability=0.1)
    assert found(user, "type=glioma") == {glioma.pk}
    assert found(user, "type=glioma&type=pituitary") == {glioma.pk, pituitary.pk}
    assert found(user, "type=meningioma") == set()


def test_by_the_review_state_that_the_list_shows(user: User, reader: User) -> None:
    rows = [PredictionFactory(scan__case=CaseFactory(owner=user)) for _ in range(6)]
    opinion = Opinion(finding="tumor", confidence="high")
    transitions.commit(rows[0], reader=reader, opinion=opinion)  # read, by another
    transitions.sign(rows[1], reader=user, opinion=opinion)
    transitions.save_draft(rows[2], reader=user, opinion=opinion)
    transitions.commit(rows[3], reader=user, opinion=opinion)
    Scan.objects.filter(pk=rows[4].scan_id).update(reading=Reading.DISAGREEMENT)
    for person in (user, reader):
        shown: dict[str, set[int]] = {state: set() for state, _ in REVIEW_STATES}
        for row in with_review_state(selectors.predictions(person), user=person):
            shown[row.review_state].add(row.pk)  # type: ignore[attr-defined]
        assert {state: found(person, f"reading={state}") for state in shown} == shown
    assert found(user, "reading=mine") == {rows[2].pk, rows[3].pk}
    assert found(user, "reading=mine&reading=signed") == {rows[1].pk, rows[2].pk, rows[3].pk}


def test_by_whom_it_is_assigned_to(user: User, other_user: User) -> None:
    direct, by_group, free = (PredictionFactory(scan__case=CaseFactory(owner=user)) for _ in range(3))
    other_user.groups.add(Group.objects.create(name="neuro"))
    sharing.assign(direct.scan.case, to=Assignee.named(user="grace"), actor=user)
    sharing.assign(by_group.scan.case, to=Assignee.named(group="neuro"), actor=user)
    own = PredictionFactory(scan__case=CaseFactory(owner=other_user))
    assert found(other_user, "") == {direct.pk, by_group.pk, own.pk}
    assert found(other_user, "assigned=me") == {direct.pk, by_group.pk}
    assert found(user, "assigned=me") == set()
    assert found(user, "assigned=nobody") == {free.pk}


def test_every_row_is_of_a_type_the_list_can_name(user: User) -> None:
    """The column follows `likely_type` wherever the list states one."""
    case = CaseFactory(owner=user)
    kinds = ["glioma", "meningioma", "pituitary", "other"]
    for kind in kinds:
        PredictionFactory(scan__case=case, type_probabilities={"glioma": 0.2, "other": 0.1, kind: 0.6})
    rows = Prediction.objects.order_by("pk")
    assert [row.listed_type for row in rows] == [row.likely_type for row in rows] == kinds
