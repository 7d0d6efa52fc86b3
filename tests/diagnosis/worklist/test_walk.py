"""Walking through a filtered list: in its order, also from a row that has left it, and to what is unread."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from diagnosis.access import pagination
from diagnosis.models import Prediction, Scan
from diagnosis.worklist import walk
from tests.factories import CaseFactory, ModelVersionFactory, PredictionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def rows(user: User) -> list[Prediction]:
    """Five of two cases; the second and the fourth were read. Scores fall while time goes on."""
    version = ModelVersionFactory()
    made: list[Prediction] = [
        PredictionFactory(
            scan__case=CaseFactory(owner=user),
            scan__name=f"{'axial' if n != 2 else 'coronal'}_{n}.png",
            model_version=version,
            tumor_probability=0.95 - n / 10,
        )
        for n in range(5)
    ]
    Scan.objects.filter(pk__in=[made[1].scan_id, made[3].scan_id]).update(reading="signed")
    return made


def through(user: User, query: str, *, at: Prediction) -> walk.Walk:
    step = walk.through(user, query, at=at)
    assert step is not None
    return step


@pytest.mark.parametrize(
    ("query", "way"),
    [
        ("", [4, 3, 2, 1, 0]),
        ("sort=when", [0, 1, 2, 3, 4]),
        ("sort=score", [4, 3, 2, 1, 0]),
        ("sort=triage&page=nonsense", [0, 1, 2, 3, 4]),
        ("q=axial&sort=scan", [0, 1, 3, 4]),
    ],
)
def test_the_way_leads_through_the_list_in_its_order_and_back(
    user: User, rows: list[Prediction], query: str, way: list[int]
) -> None:
    steps = [through(user, query, at=rows[n]) for n in way]
    ids = [rows[n].pk for n in way]
    assert [step.following for step in steps] == [*ids[1:], None]
    assert [step.previous for step in steps] == [None, *ids[:-1]]


def test_a_row_that_has_left_the_list_keeps_its_place(user: User, rows: list[Prediction]) -> None:
    step = through(user, "reading=unread&sort=when", at=rows[1])
    assert (step.previous, step.following) == (rows[0].pk, rows[2].pk)


def test_progress_counts_the_list_under_any_review_state(
    user: User, rows: list[Prediction], monkeypatch: pytest.MonkeyPatch
) -> None:
    for query in ("", "reading=unread", "after=nonsense"):
        assert (lambda step: (step.read, step.total))(through(user, query, at=rows[0])) == (2, 5)
    step = through(user, "q=axial", at=rows[0])
    assert (step.read, step.total) == (2, 4)
    monkeypatch.setattr(pagination, "COUNT_LIMIT", 3)
    step = through(user, "", at=rows[0])
    assert (step.read, step.unread, step.total) == (None, 3, 4)
    assert through(user, "assigned=me", at=rows[0]).total == 0


def test_the_links_carry_the_list_and_the_way_back_its_row(user: User, rows: list[Prediction]) -> None:
    step = through(user, "q=axial&sort=when&at=3", at=rows[1])
    assert step.query == "list=q%3Daxial%26sort%3Dwhen%26at%3D3"
    assert step.back_query == f"q=axial&sort=when&at={rows[1].pk}"


def test_a_step_costs_two_queries(user: User, rows: list[Prediction], django_assert_num_queries: Any) -> None:
    person: Any = user
    person.is_reader = person.has_assignments = person.has_policy = person.has_blind_policy = False
    for query in ("", "sort=-score&reading=unread", "model=1&type=glioma"):
        with django_assert_num_queries(2 + ("model" in query)):
            walk.through(user, query, at=rows[2])


def test_the_next_unread_one_lies_behind_or_else_at_the_start(user: User, rows: list[Prediction]) -> None:
    found = [walk.next_unread(user, "sort=when", after=row) for row in rows]
    assert found == [rows[n].pk for n in (2, 2, 4, 4, 0)]
    assert walk.next_unread(user, "sort=when", after=None) == rows[0].pk
    assert walk.next_unread(user, "q=coronal", after=rows[2]) is None
    Scan.objects.update(reading="read")
    assert walk.next_unread(user, "", after=rows[0]) is None


def test_nobody_walks_to_what_they_may_not_see(user: User, rows: list[Prediction], other_user: User) -> None:
    PredictionFactory(scan__case=CaseFactory(owner=other_user))
    assert through(user, "", at=rows[4]).previous is None
