"""cases/ and cases/{id}/."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from diagnosis.models import Case
from tests.factories import CaseFactory, PredictionFactory, ScanFactory

URL = "/api/v1/cases/"


@pytest.fixture
def case(user: User) -> Case:
    return CaseFactory(owner=user, reference="HOUSE-1")


def test_one_case_with_its_scans(api: APIClient, case: Case) -> None:
    first, second = ScanFactory.create_batch(2, case=case)
    PredictionFactory(scan=first)
    body = api.get(f"{URL}{case.pk}/").json()
    assert (body["reference"], body["owner"], body["scan_count"]) == ("HOUSE-1", "ada", 2)
    assert [scan["id"] for scan in body["scans"]] == [first.pk, second.pk]
    assert body["scans"][0]["prediction"]["state"] == "done"
    assert body["scans"][1]["prediction"] is None


def test_list_filters_and_order(api: APIClient, user: User, case: Case) -> None:
    CaseFactory(owner=user, reference="A-2")
    CaseFactory()
    assert api.get(URL).json()["count"] == 2
    assert [row["reference"] for row in api.get(URL, {"q": "house"}).json()["results"]] == ["HOUSE-1"]
    ordered = api.get(URL, {"ordering": "reference"}).json()["results"]
    assert [row["reference"] for row in ordered] == ["A-2", "HOUSE-1"]
    assert api.get(URL, {"created_before": "2000-01-01"}).json()["count"] == 0


def test_queries_do_not_grow(api: APIClient, user: User, case: Case, django_assert_max_num_queries: Any) -> None:
    CaseFactory.create_batch(6, owner=user)
    for scan in ScanFactory.create_batch(6, case=case):
        PredictionFactory(scan=scan)
    with django_assert_max_num_queries(4):  # token, count, rows, labels
        assert len(api.get(URL).json()["results"]) == 7
    with django_assert_max_num_queries(8):  # token, case, labels, notes, scans, predictions, two of the audit
        assert len(api.get(f"{URL}{case.pk}/").json()["scans"]) == 6


def test_visibility(login: Any, other_user: User, reader: User, admin: User, case: Case, problem: Any) -> None:
    problem(login(other_user).get(f"{URL}{case.pk}/"), 404, "not_found")
    assert login(other_user).get(URL).json()["count"] == 0
    for person in (reader, admin):
        assert login(person).get(f"{URL}{case.pk}/").status_code == 200
        assert login(person).get(URL).json()["count"] == 1


def test_anonymous_is_401(anonymous: APIClient, case: Case, problem: Any) -> None:
    problem(anonymous.get(URL), 401, "not_authenticated")
    problem(anonymous.get(f"{URL}{case.pk}/"), 401, "not_authenticated")


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_cases_are_opened_by_uploads_alone(api: APIClient, case: Case, problem: Any, method: str) -> None:
    problem(getattr(api, method)(URL), 405, "method_not_allowed")
    if method in ("post", "put"):
        problem(getattr(api, method)(f"{URL}{case.pk}/"), 405, "method_not_allowed")


def test_newest_first(api: APIClient, user: User) -> None:
    cases = CaseFactory.create_batch(3, owner=user)
    assert [row["id"] for row in api.get(URL).json()["results"]] == [case.pk for case in reversed(cases)]
