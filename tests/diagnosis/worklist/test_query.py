"""What a query string asks the worklist for: rows, counts and order."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import QueryDict

from diagnosis.access import sharing
from diagnosis.models import Scan
from diagnosis.worklist.query import NEWEST_FIRST, ORDERS, CountFilter, Worklist
from tests.factories import CaseFactory, ModelVersionFactory, PredictionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def rows(user: User, other_user: User, reader: User) -> list[Any]:
    """Three runs that differ in what can be filtered by."""
    case = CaseFactory(owner=user, reference="CA-1")
    early, late = datetime(2024, 3, 5, tzinfo=UTC), datetime(2025, 3, 5, tzinfo=UTC)
    one = PredictionFactory(
        scan__case=case,
        scan__name="axial.png",
        model_version=ModelVersionFactory(pk=11),
        trained_on=True,
        created=early,
    )
    other = PredictionFactory(scan__case__owner=other_user, scan__name="b.png", state="failed", created=late)
    uncertain = PredictionFactory(
        scan__case__owner=other_user,
        scan__name="c.png",
        outcome="no_tumor",
        uncertain=True,
        tumor_probability=0.5,
        created=late,
    )
    Scan.objects.filter(pk=one.scan_id).update(reading="signed")
    sharing.assign(case, to=sharing.Assignee(user=reader), actor=user)
    return [one, other, uncertain]


QUERIES = {
    "": 3, "state=failed": 1, "state=failed&state=done": 3, "outcome=tumor": 1, "outcome=uncertain": 1,
    "uncertain=true": 1, "uncertain=false": 2, "type=glioma": 1, "trained_on=true": 1, "model=11": 1,
    "owner=grace": 2, "case=CA-1": 1, "created_after=2025-01-01": 2, "created_before=2024-12-31": 1,
    "created_after=2024-03-05&created_before=2024-03-05": 1, "reading=signed": 1, "reading=unread": 2,
    "assigned=me": 1, "assigned=nobody": 2, "q=axial": 1, "sort=case": 3, "page=7&nonsense=x": 3,
    "state=failed&owner=ada": 0, "state=": 3, "created_after=&q=": 3,
}  # fmt: skip


@pytest.mark.parametrize(("query", "number"), QUERIES.items())
def test_counts_are_those_of_the_rows(rows: list[Any], reader: User, query: str, number: int) -> None:
    worklist = Worklist.of_query(reader, query)
    assert worklist.rows.count() == number
    assert Worklist(reader, QueryDict("q=nothing")).counted(QueryDict(query)).count() == number


@pytest.mark.parametrize("query", ["model=-1", f"model={2**63}", "model=x", "uncertain=perhaps", "created_after=x"])
def test_invalid_filters_are_ignored_in_counts(rows: list[Any], reader: User, query: str) -> None:
    assert Worklist.of_query(reader, "").counted(QueryDict(f"{query}&owner=grace")).count() == 2


@pytest.mark.parametrize(("model", "valid"), [(0, True), (2**63 - 1, True), (-1, False), (2**63, False)])
def test_a_model_is_an_id_that_a_database_can_hold(model: int, valid: bool, user: User) -> None:
    asked = CountFilter(QueryDict(f"model={model}"), queryset=Worklist.of_query(user, "").visible, user=user)
    assert asked.is_valid() is valid


def test_counting_builds_only_the_filters_that_the_query_names(user: User) -> None:
    asked = CountFilter(QueryDict("created_before=2024-01-01&state=done&sort=case"), user=user)
    assert set(asked.filters) == {"created", "state"}
    assert set(CountFilter(QueryDict("model=1"), user=user).filters) == {"model"}


@pytest.mark.parametrize(
    ("asked", "sort", "descending"),
    [
        ("", NEWEST_FIRST, True), ("when", "when", False), ("-when", "-when", True), ("-triage", "-triage", True),
        ("-score", "-score", True), ("score", "score", False), ("password", NEWEST_FIRST, True),
        ("--when", NEWEST_FIRST, True), ("-", NEWEST_FIRST, True), ("--score", NEWEST_FIRST, True),
    ],
)  # fmt: skip
def test_an_order_that_is_not_offered_is_newest_first(user: User, asked: str, sort: str, descending: bool) -> None:
    worklist = Worklist(user, QueryDict(f"sort={asked}"))
    assert (worklist.sort, worklist.order.descending) == (sort, descending)


def test_scores_have_an_expression_for_each_direction(user: User) -> None:
    down, up = Worklist.of_query(user, "sort=-score").order, Worklist.of_query(user, "sort=score").order
    assert (down.key, up.key) == (ORDERS["-score"].key, ORDERS["score"].key)
    assert down.key != up.key


def test_without_leaves_out_the_named_choices_and_changes_nothing(user: User) -> None:
    worklist = Worklist.of_query(user, "q=axial&state=done&state=failed&after=x")
    assert worklist.without("after", "absent").urlencode() == "q=axial&state=done&state=failed"
    assert worklist.without("state", "q", "after").urlencode() == ""
    assert worklist.data.urlencode() == "q=axial&state=done&state=failed&after=x"


def test_a_query_has_at_most_4000_characters(user: User) -> None:
    assert Worklist.of_query(user, "q=" + "x" * 3998).data["q"] == "x" * 3998
    assert Worklist.of_query(user, "q=" + "x" * 5000).data["q"] == "x" * 3998
