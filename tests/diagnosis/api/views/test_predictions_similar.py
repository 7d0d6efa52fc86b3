"""predictions/{id}/similar/: shape, limits and permissions."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from diagnosis.models import Prediction
from tests.embeddings import past
from tests.factories import ModelVersionFactory, PredictionFactory

URL = "/api/v1/predictions/"


@pytest.fixture
def version(db: None) -> Any:
    return ModelVersionFactory()


@pytest.fixture
def asked(user: User, version: Any) -> Prediction:
    return past(user, version, 1.0)


def test_each_is_a_similarity_and_a_prediction(api: APIClient, user: User, version: Any, asked: Prediction) -> None:
    similar = past(user, version, 0.75)
    body = api.get(f"{URL}{asked.pk}/similar/").json()
    assert body["available"] is True
    [one] = body["results"]
    assert one["similarity"] == pytest.approx(0.75, abs=0.001)
    assert one["prediction"] == api.get(URL, {"case": similar.scan.case.reference}).json()["results"][0]
    for key in ("thumbnail_url", "preview_url"):
        response: Any = api.get(one[key])
        assert response.status_code == 200
        assert b"".join(response.streaming_content)  # read, so that its file is closed


def test_limit(api: APIClient, user: User, version: Any, asked: Prediction) -> None:
    for number in range(8):
        past(user, version, 0.5 + number / 20)
    assert len(api.get(f"{URL}{asked.pk}/similar/").json()["results"]) == 6
    assert len(api.get(f"{URL}{asked.pk}/similar/", {"limit": 7}).json()["results"]) == 7


@pytest.mark.parametrize("limit", ["0", "21", "-1", "x", "", "1.5", "²", "9" * 5000])
def test_a_limit_that_makes_no_sense_is_400(api: APIClient, asked: Prediction, problem: Any, limit: str) -> None:
    assert "limit" in problem(api.get(f"{URL}{asked.pk}/similar/", {"limit": limit}), 400, "invalid")["errors"]


@pytest.mark.parametrize("state", ["queued", "refused", "failed", "done"])
def test_without_an_embedding_nothing_is_available(api: APIClient, user: User, state: str) -> None:
    one = PredictionFactory(scan__case__owner=user, state=state)
    assert api.get(f"{URL}{one.pk}/similar/").json() == {"available": False, "results": []}


def test_other_users_scans_are_neither_searched_nor_found(
    api: APIClient, login: Any, other_user: User, version: Any, asked: Prediction, problem: Any, anonymous: APIClient
) -> None:
    past(other_user, version, 0.99)
    assert api.get(f"{URL}{asked.pk}/similar/").json() == {"available": True, "results": []}
    problem(login(other_user).get(f"{URL}{asked.pk}/similar/"), 404, "not_found")
    problem(anonymous.get(f"{URL}{asked.pk}/similar/"), 401, "not_authenticated")
    problem(api.post(f"{URL}{asked.pk}/similar/"), 405, "method_not_allowed")


def test_readers_find_all(login: Any, reader: User, other_user: User, version: Any, asked: Prediction) -> None:
    theirs = past(other_user, version, 0.99)
    [one] = login(reader).get(f"{URL}{asked.pk}/similar/").json()["results"]
    assert (one["prediction"]["id"], one["prediction"]["owner"]) == (theirs.pk, "grace")


def test_it_costs_six_queries(
    api: APIClient, user: User, version: Any, asked: Prediction, django_assert_num_queries: Any
) -> None:
    for number in range(8):
        past(user, version, 0.5 + number / 20)
    with django_assert_num_queries(8):  # token, the prediction, four of the search, and two of the audit
        api.get(f"{URL}{asked.pk}/similar/")
