"""Exported lists and reports over the API."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from diagnosis.models import AuditEvent, Prediction
from tests.factories import PredictionFactory

LIST = "/api/v1/predictions/export/"


def text(response: Any) -> str:
    assert response.status_code == 200
    return b"".join(response.streaming_content).decode()


def test_the_list_with_its_filters_and_ordering(api: APIClient, done: Prediction, failed: Prediction) -> None:
    found = json.loads(text(api.get(f"{LIST}?format=json&ordering=id")))
    assert [row["prediction"] for row in found] == [done.pk, failed.pk]
    found = json.loads(text(api.get(f"{LIST}?format=json&state=failed&page_size=1")))
    assert [row["prediction"] for row in found] == [failed.pk]
    [event, _] = AuditEvent.objects.filter(action="list.exported")
    assert event.details == {"format": "json", "rows": 1, "filters": {"state": ["failed"]}}


def test_csv_is_the_default_with_a_byte_order_mark_on_demand(api: APIClient, done: Prediction) -> None:
    assert text(api.get(LIST)).startswith("\ufeffprediction,")
    assert text(api.get(f"{LIST}?bom=false")).startswith("prediction,")


def test_only_what_the_person_may_see(api: APIClient, done: Prediction, other_user: User) -> None:
    theirs = PredictionFactory(scan__case__owner=other_user)
    assert len(text(api.get(f"{LIST}?bom=false")).splitlines()) == 2
    assert len(text(api.get(f"/api/v1/cases/{done.scan.case_id}/export/")).splitlines()) == 2
    assert api.get(f"/api/v1/cases/{theirs.scan.case_id}/export/").status_code == 404


@pytest.mark.parametrize("query", ["format=xlsx", "created_after=2024-02-30", "ordering=name", "state=x"])
def test_nonsense_is_named(api: APIClient, done: Prediction, problem: Any, query: str) -> None:
    assert problem(api.get(f"{LIST}?{query}"), 400, "invalid")["errors"]
    assert not AuditEvent.objects.filter(action="list.exported").exists()


def test_without_a_token(anonymous: APIClient, problem: Any) -> None:
    problem(anonymous.get(LIST), 401, "not_authenticated")


@pytest.mark.parametrize(("name", "media_type"), [("report", "application/pdf"), ("fhir", "application/fhir+json")])
def test_reports_on_a_prediction(
    api: APIClient, done: Prediction, queued: Prediction, other_user: User, problem: Any, name: str, media_type: str
) -> None:
    address = "/api/v1/predictions/{}/" + name + "/"
    response = api.get(address.format(done.pk), HTTP_ACCEPT=media_type)
    assert (response.status_code, response["Content-Type"]) == (200, media_type)
    assert AuditEvent.objects.filter(action="report.downloaded").count() == 1
    problem(api.get(address.format(queued.pk)), 409, "wrong_state")
    problem(api.get(address.format(PredictionFactory(scan__case__owner=other_user).pk)), 404, "not_found")


def test_report_on_a_case(api: APIClient, done: Prediction, other_user: User, problem: Any) -> None:
    address = "/api/v1/cases/{}/report/"
    assert api.get(address.format(done.scan.case_id)).content.startswith(b"%PDF-")
    problem(api.get(address.format(done.scan.case_id) + "?part=2"), 404, "not_found")
    theirs = PredictionFactory(scan__case__owner=other_user)
    problem(api.get(address.format(theirs.scan.case_id)), 404, "not_found")
