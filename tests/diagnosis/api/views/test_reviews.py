"""Reviews over the API: recorded, signed, amended, listed; what is refused has a code."""

from typing import Any

import pytest
from django.contrib.auth.models import Group
from rest_framework.test import APIClient

from diagnosis.models import Prediction, ReadingPolicy, Review
from diagnosis.reviews import transitions
from diagnosis.reviews.opinions import Opinion
from tests.factories import ModelVersionFactory, PredictionFactory

pytestmark = pytest.mark.django_db

ADDRESS = "/api/v1/reviews/"


@pytest.fixture
def prediction(user: Any) -> Prediction:
    return PredictionFactory(scan__case__owner=user)


@pytest.fixture
def api(user: Any) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


def test_a_review_is_recorded_signed_and_amended(api: APIClient, prediction: Prediction) -> None:
    opinion = {"finding": "tumor", "type": "glioma", "location": {"box": [0.1, 0.2, 0.3, 0.4]}}
    made = api.post(ADDRESS, {"prediction": prediction.pk, "state": "committed", **opinion}, format="json")
    assert made.status_code == 201
    shown = made.json()
    assert (shown["state"], shown["reader"], shown["type"], shown["location"]["box"]) == (
        "committed", "ada", "glioma", [0.1, 0.2, 0.3, 0.4],
    )  # fmt: skip
    signed = api.post(f"{ADDRESS}{shown['id']}/sign/")
    assert (signed.status_code, signed.json()["state"]) == (200, "signed")
    amended = api.post(f"{ADDRESS}{shown['id']}/amend/", {"finding": "no_tumor", "reason": "Artifact."}, format="json")
    assert (amended.status_code, amended.json()["amends"]) == (201, shown["id"])
    listed = api.get(f"{ADDRESS}?scan={prediction.scan_id}&ordering=id").json()["results"]
    assert [(row["finding"], row["current"]) for row in listed] == [("tumor", False), ("no_tumor", True)]


@pytest.mark.parametrize("named", [False, True])
def test_an_amendment_stands_beside_the_run_that_is_named_else_beside_the_same(
    api: APIClient, prediction: Prediction, named: bool
) -> None:
    """Not beside the newest: its reader may never have seen that result, and the report on it would be verified."""
    signed = {"prediction": prediction.pk, "finding": "tumor", "state": "signed"}
    review = api.post(ADDRESS, signed, format="json").json()
    newer = PredictionFactory(scan=prediction.scan, model_version=ModelVersionFactory())
    asked = {"finding": "no_tumor", "reason": "Artifact."} | ({"prediction": newer.pk} if named else {})
    made = api.post(f"{ADDRESS}{review['id']}/amend/", asked, format="json")
    assert (made.status_code, made.json()["prediction"]) == (201, newer.pk if named else prediction.pk)


def test_an_amendment_beside_a_run_of_another_scan_is_refused(
    api: APIClient, user: Any, prediction: Prediction
) -> None:
    signed = {"prediction": prediction.pk, "finding": "tumor", "state": "signed"}
    review = api.post(ADDRESS, signed, format="json").json()
    other = PredictionFactory(scan__case__owner=user)
    asked = {"finding": "no_tumor", "reason": "Artifact.", "prediction": other.pk}
    refused = api.post(f"{ADDRESS}{review['id']}/amend/", asked, format="json")
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["prediction"])
    assert Review.objects.count() == 1


def test_a_draft_is_changed_by_its_version_and_deleted(api: APIClient, prediction: Prediction) -> None:
    draft = api.post(ADDRESS, {"prediction": prediction.pk, "comment": "First."}, format="json").json()
    change = {"prediction": prediction.pk, "comment": "Second."}
    stale = api.post(ADDRESS, change, format="json")
    assert (stale.status_code, stale.json()["code"]) == (409, "stale")
    assert api.post(ADDRESS, {**change, "version": draft["version"]}, format="json").json()["comment"] == "Second."
    assert api.delete(f"{ADDRESS}{draft['id']}/").status_code == 204
    assert not Review.objects.exists()


REFUSED = [
    ({"finding": "perhaps"}, 400, "finding"),
    ({"finding": "no_tumor", "type": "glioma", "state": "signed"}, 400, "type"),
    ({"state": "signed"}, 400, "finding"),
    ({"finding": "tumor", "location": {"point": [2, 0]}}, 400, "location"),
    ({"finding": "tumor", "location": {}}, 400, "location"),
    ({"prediction": 10**9}, 400, "prediction"),
    ({"prediction": 10**30}, 400, "prediction"),
]


@pytest.mark.parametrize(("fields", "status", "field"), REFUSED, ids=str)
def test_invalid_fields_are_named(
    api: APIClient, prediction: Prediction, fields: dict[str, Any], status: int, field: str
) -> None:
    response = api.post(ADDRESS, {"prediction": prediction.pk, **fields}, format="json")
    assert response.status_code == status
    assert list(response.json()["errors"]) == [field]
    assert not Review.objects.exists()


def test_a_running_scan_and_another_opinion_are_refused(api: APIClient, user: Any, prediction: Prediction) -> None:
    running = PredictionFactory(scan__case__owner=user, state="running")
    asked = {"finding": "tumor", "state": "signed"}
    assert api.post(ADDRESS, {"prediction": running.pk, **asked}, format="json").json()["code"] == "still_running"
    api.post(ADDRESS, {"prediction": prediction.pk, **asked}, format="json")
    other = api.post(ADDRESS, {"prediction": prediction.pk, **asked, "finding": "no_tumor"}, format="json")
    assert (other.status_code, other.json()["code"]) == (409, "already_signed")


def test_a_review_of_another_is_read_but_not_changed(
    api: APIClient, reader: Any, admin: Any, other_user: Any, prediction: Prediction
) -> None:
    transitions.save_draft(prediction, reader=reader, opinion=Opinion(comment="Mine alone."))
    assert api.get(ADDRESS).json()["count"] == 0
    review = transitions.commit(prediction, reader=reader, opinion=Opinion(finding="tumor"), version=1)
    refused = api.post(f"{ADDRESS}{review.pk}/sign/")
    assert (refused.status_code, refused.json()["code"]) == (403, "not_yours")
    assert api.delete(f"{ADDRESS}{review.pk}/").status_code == 409
    api.force_authenticate(other_user)
    assert api.get(f"{ADDRESS}{review.pk}/").status_code == 404
    api.force_authenticate(admin)
    asked = {"prediction": prediction.pk, "finding": "tumor"}
    assert api.post(ADDRESS, asked, format="json").json()["code"] == "not_a_reader"


def test_blind_readers_see_other_reviews_after_committing(api: APIClient, user: Any, reader: Any) -> None:
    prediction = PredictionFactory(scan__case__owner=user)
    transitions.sign(prediction, reader=reader, opinion=Opinion(finding="tumor"))
    group = Group.objects.create(name="study")
    ReadingPolicy.objects.create(group=group, mode="blind_first")
    user.groups.add(group)
    assert api.get(ADDRESS).json()["count"] == 0
    assert api.get(f"/api/v1/predictions/{prediction.pk}/").json()["blinded"] is True
    api.post(ADDRESS, {"prediction": prediction.pk, "finding": "no_tumor", "state": "committed"}, format="json")
    assert api.get(ADDRESS).json()["count"] == 2
    assert api.get(f"/api/v1/predictions/{prediction.pk}/").json()["outcome"] == "tumor"


def test_any_number_of_reviews_costs_as_many_queries(
    api: APIClient, user: Any, reader: Any, django_assert_max_num_queries: Any
) -> None:
    for _ in range(6):
        transitions.sign(PredictionFactory(scan__case__owner=user), reader=reader, opinion=Opinion(finding="tumor"))
    user.is_reader = user.has_policy = user.has_assignments = False
    with django_assert_max_num_queries(4):
        assert len(api.get(ADDRESS).json()["results"]) == 6
