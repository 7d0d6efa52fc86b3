"""The history benchmark: what it counts, and that its views are the pages that links lead to."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from bench import history
from tests.factories import CaseFactory, PredictionFactory, ScanFactory

pytestmark = pytest.mark.django_db


def test_it_counts_queries_and_times_each_request(as_user: Client, django_assert_max_num_queries: Any) -> None:
    taken, queries = history._ask(as_user, "/history/", 2)
    assert len(taken) == 2 and min(taken) > 0
    busy, _ = history._ask(as_user, "/history/", 1, "cpu")
    assert busy[0] > 0
    assert 3 < queries < 10


def test_a_deep_page_lies_near_the_end(admin: User, client: Client) -> None:
    case = CaseFactory()
    for number in range(20):
        PredictionFactory(scan=ScanFactory(case=case, name=f"{number:02}.png"))
    client.force_login(admin)
    page = client.get(f"/history/?{history._deep(admin, 'sort=scan')}").context["page"]
    assert [row.scan.name for row in page] == ["19.png"]
    assert history._deep(admin, "q=absent") == "q=absent"


def test_a_page_that_fails_stops_the_benchmark(as_user: Client) -> None:
    with pytest.raises(RuntimeError, match="answered 404"):
        history._ask(as_user, "/predictions/0/", 1)


@pytest.mark.parametrize("view", history.VIEWS)
@pytest.mark.slow
def test_every_view_is_answered(as_user: Client, view: str) -> None:
    history._ask(as_user, f"/history/?{view}", 1)
