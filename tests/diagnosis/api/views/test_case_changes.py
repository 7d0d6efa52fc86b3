"""Deleting, restoring, renaming, labels, notes and moves over the API: who may, what is answered."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.test import APIClient

from diagnosis.models import Case, Scan
from tests.factories import CaseFactory, PredictionFactory

CASES, SCANS = "/api/v1/cases/", "/api/v1/scans/"


@pytest.fixture
def scan(user: User) -> Scan:
    found: Scan = PredictionFactory(scan__case__owner=user, scan__case__reference="CA-1").scan
    return found


@pytest.fixture
def case(scan: Scan) -> Case:
    return scan.case


def test_a_deleted_case_is_404_until_it_is_restored(api: APIClient, case: Case, scan: Scan, problem: Any) -> None:
    assert api.delete(f"{CASES}{case.pk}/").status_code == 204
    for address in (f"{CASES}{case.pk}/", f"{SCANS}{scan.pk}/", f"{SCANS}{scan.pk}/preview/"):
        problem(api.get(address), 404, "not_found")
    problem(api.delete(f"{CASES}{case.pk}/"), 404, "not_found")
    [row] = api.get(f"{CASES}trash/").json()["results"]
    assert (row["reference"], row["deleted_by"], row["owner"], row["scan_count"]) == ("CA-1", "ada", "ada", 1)
    assert row["kept_until"] > row["deleted"]
    assert api.post(f"{CASES}{case.pk}/undelete/").json()["scan_count"] == 1
    problem(api.post(f"{CASES}{case.pk}/undelete/"), 404, "not_found")


def test_a_deleted_scan_likewise(api: APIClient, scan: Scan, problem: Any) -> None:
    assert api.delete(f"{SCANS}{scan.pk}/").status_code == 204
    problem(api.get(f"{SCANS}{scan.pk}/"), 404, "not_found")
    [row] = api.get(f"{SCANS}trash/").json()["results"]
    assert (row["name"], row["case"], row["case_id"]) == (scan.name, "CA-1", scan.case_id)
    assert api.post(f"{SCANS}{scan.pk}/undelete/").json()["id"] == scan.pk


@pytest.mark.parametrize(
    ("who", "status", "code"), [("other_user", 404, "not_found"), ("reader", 403, "permission_denied")]
)
def test_users_without_permission(
    who: str, status: int, code: str, login: Any, api: APIClient, case: Case, scan: Scan, request: Any, problem: Any
) -> None:
    client = login(request.getfixturevalue(who))
    problem(client.delete(f"{CASES}{case.pk}/"), status, code)
    problem(client.delete(f"{SCANS}{scan.pk}/"), status, code)
    problem(client.patch(f"{CASES}{case.pk}/", {"reference": "X"}), status, code)
    problem(client.patch(f"{CASES}{case.pk}/", {"labels": ["x"]}), status, code)
    problem(client.post(f"{SCANS}{scan.pk}/move/", {"case": "X", "open": True}), status, code)
    api.delete(f"{CASES}{case.pk}/")
    problem(client.post(f"{CASES}{case.pk}/undelete/"), 404, "not_found")
    assert client.get(f"{CASES}trash/").json()["count"] == 0


@pytest.mark.attack("forged")
def test_a_session_needs_its_csrf_token(user: User, case: Case) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    assert client.delete(f"{CASES}{case.pk}/").status_code == 403
    assert Case.objects.get(deleted=None) == case


def test_rename_and_label(api: APIClient, case: Case, user: User, problem: Any) -> None:
    body = api.patch(f"{CASES}{case.pk}/", {"reference": "CA-2", "labels": ["Teaching", "b"]}).json()
    assert (body["reference"], body["labels"], body["scans"][0]["case"]) == ("CA-2", ["b", "teaching"], "CA-2")
    CaseFactory(owner=user, reference="TAKEN")
    problem(api.patch(f"{CASES}{case.pk}/", {"reference": "TAKEN"}), 409, "reference_taken")
    problem(api.patch(f"{CASES}{case.pk}/", {"reference": "a b"}), 400, "invalid_reference")
    problem(api.patch(f"{CASES}{case.pk}/", {"labels": "x"}), 400, "invalid")
    problem(api.patch(f"{CASES}{case.pk}/", {"reference": "CA-3", "labels": ["<"]}), 400, "invalid_label")
    case.refresh_from_db()
    assert case.reference == "CA-2"  # both or neither
    assert [row["id"] for row in api.get(CASES, {"label": "TEACHING"}).json()["results"]] == [case.pk]
    assert api.get(CASES, {"label": "other"}).json()["count"] == 0


def test_notes(api: APIClient, case: Case, problem: Any) -> None:
    made = api.post(f"{CASES}{case.pk}/notes/", {"text": "Compare."})
    assert made.status_code == 201
    assert (made.json()["author"], made.json()["text"]) == ("ada", "Compare.")
    problem(api.post(f"{CASES}{case.pk}/notes/", {"text": " "}), 400, "empty_note")
    problem(api.post(f"{CASES}{case.pk}/notes/", {}), 400, "invalid")
    assert [note["text"] for note in api.get(f"{CASES}{case.pk}/").json()["notes"]] == ["Compare."]


def test_move(api: APIClient, login: Any, admin: User, scan: Scan, other_user: User, problem: Any) -> None:
    url = f"{SCANS}{scan.pk}/move/"
    problem(api.post(url, {}), 400, "invalid")
    problem(api.post(url, {"case": "CA-9"}), 400, "unknown_case")
    problem(api.post(url, {"case": "CA-1"}), 409, "same_case")
    assert api.post(url, {"case": "CA-9", "open": True}).json()["case"] == "CA-9"
    theirs = CaseFactory(owner=other_user)
    problem(api.post(url, {"case_id": theirs.pk}), 404, "not_found")
    assert login(admin).post(url, {"case_id": theirs.pk}).json()["owner"] == "grace"
    problem(api.get(f"{SCANS}{scan.pk}/"), 404, "not_found")


def test_lists_of_the_trash_cost_the_same_whatever_their_length(
    api: APIClient, user: User, django_assert_max_num_queries: Any
) -> None:
    for run in PredictionFactory.create_batch(4, scan__case__owner=user):
        api.delete(f"{SCANS}{run.scan_id}/")
    for case in CaseFactory.create_batch(4, owner=user):
        api.delete(f"{CASES}{case.pk}/")
    for address in (f"{CASES}trash/", f"{SCANS}trash/"):
        with django_assert_max_num_queries(3):
            assert api.get(address).json()["count"] == 4
