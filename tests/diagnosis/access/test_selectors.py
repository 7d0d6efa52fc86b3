"""Who sees what: decided in one place, held for every kind of object."""

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from diagnosis.access import selectors
from tests.factories import CaseFactory, PredictionFactory, ScanFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def mine(user: Any) -> Any:
    return PredictionFactory(scan__case__owner=user)


@pytest.fixture
def others(other_user: Any) -> Any:
    return PredictionFactory(scan__case__owner=other_user)


def test_people_see_their_own(user: Any, mine: Any, others: Any) -> None:
    assert list(selectors.predictions(user)) == [mine]
    assert list(selectors.scans(user)) == [mine.scan]
    assert list(selectors.cases(user)) == [mine.scan.case]
    assert not selectors.result(user, prediction_id=others.pk).exists()
    assert [p.pk for p in selectors.statuses(user, prediction_ids=[mine.pk, others.pk])] == [mine.pk]
    assert not selectors.case_scans(user, case=others.scan.case).exists()


def test_readers_and_admins_see_all(reader: Any, admin: Any, mine: Any, others: Any) -> None:
    for person in (reader, admin):
        assert selectors.predictions(person).count() == 2
        assert selectors.scans(person).count() == 2
        assert selectors.cases(person).count() == 2


def test_nobody_and_the_deactivated_see_nothing(user: Any, mine: Any) -> None:
    user.is_active = False
    for person in (user, AnonymousUser()):
        assert not selectors.predictions(person).exists()
        assert not selectors.scans(person).exists()
        assert not selectors.cases(person).exists()


def test_position_counts_those_who_came_before(user: Any) -> None:
    now = timezone.now()
    first, second = (
        PredictionFactory(state="queued", scan__case__owner=user, queued=now.replace(microsecond=n)) for n in (1, 2)
    )
    positions = {p.pk: p.position for p in selectors.statuses(user, prediction_ids=[first.pk, second.pk])}
    assert positions == {first.pk: 1, second.pk: 2}


def test_statuses_cost_one_query_whatever_their_number(user: Any, django_assert_num_queries: Any) -> None:
    ids = [PredictionFactory(state="queued", scan__case__owner=user).pk for _ in range(12)]
    user.is_reader = False  # as whoever sends a request is loaded
    with django_assert_num_queries(1):
        assert [p.scan.case.owner.username for p in selectors.statuses(user, prediction_ids=ids)] == ["ada"] * 12


def test_neighbors_walk_the_case_in_order(user: Any) -> None:
    case = CaseFactory(owner=user)
    a, b, c = (PredictionFactory(scan=ScanFactory(case=case)) for _ in range(3))
    newest = PredictionFactory(scan=b.scan)
    assert selectors.adjacent(a) == (None, newest.pk)
    assert selectors.adjacent(newest) == (a.pk, c.pk)
    assert selectors.adjacent(c) == (newest.pk, None)
