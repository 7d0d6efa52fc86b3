"""The list of cases and one case's page."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from diagnosis.models import Prediction
from diagnosis.models.prediction import State
from tests.factories import CaseFactory, ModelVersionFactory, PredictionFactory

Make = Callable[..., Prediction]


def test_the_list_shows_the_users_cases_with_their_results(
    as_user: Client, make: Make, user: User, other_user: User
) -> None:
    case = CaseFactory(owner=user, reference="CA-MINE")
    make(case=case)
    make(case=case, state=State.FAILED)
    make(case=CaseFactory(owner=other_user, reference="CA-THEIRS"))
    response = as_user.get("/cases/")
    body = response.content.decode()
    assert "CA-MINE" in body and "CA-THEIRS" not in body
    [case] = response.context["page"].rows
    assert [(tab.worklist_status, n) for tab, n in case.tally] == [("tumor", 1), ("failed", 1)]


def test_only_the_newest_prediction_of_a_scan_counts(as_user: Client, make: Make, user: User) -> None:
    old = make(case=CaseFactory(owner=user), state=State.FAILED)
    new = PredictionFactory(scan=old.scan, model_version=ModelVersionFactory())
    [case] = as_user.get("/cases/").context["page"]
    assert [(tab.worklist_status, n) for tab, n in case.tally] == [("tumor", 1)]
    assert [row.pk for row in as_user.get(f"/cases/{case.pk}/").context["page"]] == [new.pk]


@pytest.mark.parametrize("rows", [5, 60])
def test_both_pages_cost_the_same_whatever_their_length(
    as_user: Client, make: Make, user: User, rows: int, django_assert_max_num_queries: Any
) -> None:
    case = CaseFactory(owner=user)
    for _ in range(rows):
        make(case=case, model_version=ModelVersionFactory())
        make(case=CaseFactory(owner=user))
    with django_assert_max_num_queries(9):
        as_user.get("/cases/")
    with django_assert_max_num_queries(16):
        as_user.get(f"/cases/{case.pk}/")


def test_a_long_case_is_turned_page_by_page(
    as_user: Client, make: Make, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("diagnosis.views.cases.SCANS_A_PAGE", 2)
    case = CaseFactory(owner=user)
    made = [make(case=case).pk for _ in range(5)]
    address, turned = f"/cases/{case.pk}/", []
    page = as_user.get(address).context["page"]
    turned.append([row.pk for row in page])
    while page.next_cursor:
        page = as_user.get(address, {"after": page.next_cursor}).context["page"]
        turned.append([row.pk for row in page])
    assert turned == [made[:2], made[2:4], made[4:]]


def test_another_persons_case_is_not_found(as_user: Client, other_user: User) -> None:
    assert as_user.get(f"/cases/{CaseFactory(owner=other_user).pk}/").status_code == 404


def test_the_owner_may_upload_to_a_case_a_reader_may_not(client: Client, user: User, reader: User) -> None:
    case = CaseFactory(owner=user, reference="CA-5")
    client.force_login(user)
    assert "/upload/?case=CA-5" in client.get(f"/cases/{case.pk}/").content.decode()
    client.force_login(reader)
    assert "/upload/?case=CA-5" not in client.get(f"/cases/{case.pk}/").content.decode()


def test_no_cases_says_what_to_do(as_user: Client) -> None:
    assert "No cases yet" in as_user.get("/cases/").content.decode()
    assert "No case called" in as_user.get("/cases/?q=zzz").content.decode()
