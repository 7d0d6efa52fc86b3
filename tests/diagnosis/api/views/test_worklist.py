"""Assignments, saved views and bulk actions over the API."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from diagnosis.access import sharing
from diagnosis.access.sharing import Assignee
from diagnosis.models import Assignment, Prediction, SavedView
from tests.factories import CaseFactory

pytestmark = pytest.mark.django_db


def as_person(person: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(person)
    return client


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


class TestAssignments:
    def test_a_case_is_assigned_seen_and_given_back(self, user: User, other_user: User, done: Prediction) -> None:
        owner, assignee = as_person(user), as_person(other_user)
        case = done.scan.case
        assert assignee.get(f"/api/v1/cases/{case.pk}/").status_code == 404
        made = owner.post("/api/v1/assignments/", {"case_id": case.pk, "user": "grace"})
        assert made.status_code == 201
        shown = made.json()
        assert {key: shown[key] for key in ("case", "case_id", "user", "group", "assigned_by")} == {
            "case": case.reference, "case_id": case.pk, "user": "grace", "group": None, "assigned_by": "ada",
        }  # fmt: skip
        assert assignee.get("/api/v1/assignments/").json()["results"] == [shown]
        assert assignee.get("/api/v1/predictions/?assigned=me").json()["count"] == 1
        assert assignee.delete(f"/api/v1/assignments/{shown['id']}/").status_code == 204
        assert assignee.get(f"/api/v1/cases/{case.pk}/").status_code == 404

    def test_an_assignee_retries_but_does_not_assign(self, user: User, other_user: User, failed: Prediction) -> None:
        case = failed.scan.case
        made = sharing.assign(case, to=Assignee(user=other_user), actor=user)
        assignee = as_person(other_user)
        assert assignee.post(f"/api/v1/predictions/{failed.pk}/retry/").status_code == 202
        body = {"case_id": case.pk, "group": "reader"}
        assert code(assignee.post("/api/v1/assignments/", body)) == (403, "permission_denied")
        assert Assignment.objects.get() == made

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ({}, (400, "assignee_required")),
            ({"user": "nobody"}, (400, "unknown_assignee")),
            ({"user": "ada"}, (409, "already_owner")),
        ],
    )
    def test_refusals(self, user: User, done: Prediction, body: dict[str, str], expected: Any) -> None:
        answer = as_person(user).post("/api/v1/assignments/", {"case_id": done.scan.case_id, **body})
        assert code(answer) == expected

    def test_nobody_assigns_or_sees_what_they_may_not_see(
        self, user: User, other_user: User, reader: User, done: Prediction
    ) -> None:
        made = sharing.assign(done.scan.case, to=Assignee(user=reader), actor=user)
        stranger = as_person(other_user)
        body = {"case_id": done.scan.case_id, "user": "grace"}
        assert stranger.post("/api/v1/assignments/", body).status_code == 404
        assert stranger.get("/api/v1/assignments/").json()["count"] == 0
        assert stranger.delete(f"/api/v1/assignments/{made.pk}/").status_code == 404

    def test_a_list_costs_the_same_whatever_its_length(
        self, user: User, other_user: User, django_assert_num_queries: Any
    ) -> None:
        person: Any = user
        person.is_reader = person.has_assignments = False
        for count in (2, 20):
            for _ in range(count):
                sharing.assign(CaseFactory(owner=user), to=Assignee(user=other_user), actor=user)
            with django_assert_num_queries(2):
                as_person(person).get("/api/v1/assignments/")


class TestViews:
    def test_views_are_saved_renamed_and_deleted(self, user: User, other_user: User) -> None:
        mine = as_person(user)
        made = mine.post("/api/v1/views/", {"name": "Urgent", "query": "reading=unread&sort=triage"}).json()
        assert (made["name"], made["query"]) == ("Urgent", "reading=unread&sort=triage")
        address = f"/api/v1/views/{made['id']}/"
        assert mine.patch(address, {"name": "Now"}).json()["name"] == "Now"
        assert as_person(other_user).get(address).status_code == 404
        assert code(mine.post("/api/v1/views/", {"name": "Now"})) == (409, "view_name_taken")
        assert code(mine.post("/api/v1/views/", {"name": ""})) == (400, "view_name")
        assert [row["name"] for row in mine.get("/api/v1/views/").json()["results"]] == ["Now"]
        assert mine.delete(address).status_code == 204
        assert not SavedView.objects.exists()


class TestBulk:
    def test_each_prediction_is_done_or_refused(self, user: User, done: Prediction, queued: Prediction) -> None:
        body = {"action": "cancel", "ids": [done.pk, queued.pk, 10**18]}
        answer = as_person(user).post("/api/v1/predictions/bulk/", body, format="json").json()
        assert answer["done"] == [queued.pk]
        assert [(row["id"], row["code"]) for row in answer["refused"]] == [(10**18, "not_found"), (done.pk, "conflict")]

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ({"action": "retry", "ids": []}, (400, "nothing_selected")),
            ({"action": "retry", "ids": list(range(201))}, (400, "too_many_selected")),
            ({"action": "assign", "ids": [1]}, (400, "assignee_required")),
            ({"action": "delete", "ids": [1]}, (400, "invalid")),
            ({"action": "retry", "ids": [2**63]}, (400, "invalid")),
        ],
    )
    def test_refusals(self, user: User, body: dict[str, Any], expected: Any) -> None:
        assert code(as_person(user).post("/api/v1/predictions/bulk/", body, format="json")) == expected


class TestFilters:
    def test_by_type_and_reading(self, user: User, done: Prediction, failed: Prediction) -> None:
        mine = as_person(user)
        assert mine.get("/api/v1/predictions/?type=glioma&reading=unread").json()["count"] == 1
        assert mine.get("/api/v1/predictions/?type=pituitary").json()["count"] == 0
        for nonsense in ("type=cyst", "reading=done", "assigned=ada"):
            assert code(mine.get(f"/api/v1/predictions/?{nonsense}")) == (400, "invalid")
