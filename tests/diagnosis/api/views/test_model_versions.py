"""models/ and models/{id}/."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.factories import ModelVersionFactory

URL = "/api/v1/models/"


def test_one_model(api: APIClient) -> None:
    manifest = {"calibration": {"temperature": 2.0}, "threshold": 0.4, "metrics": {"test": {"auroc": 0.98}}}
    version = ModelVersionFactory(active=True, manifest=manifest)
    response = api.get(f"{URL}{version.pk}/")
    body = response.json()
    assert (body["label"], body["digest"], body["active"]) == (version.label, version.digest, True)
    assert (body["calibrated"], body["threshold"]) == (True, 0.4)
    assert body["metrics"] == {"test": {"auroc": 0.98}}
    assert version.path not in response.content.decode()


def test_a_manifest_may_lack_metrics(api: APIClient) -> None:
    version = ModelVersionFactory(manifest={})
    body = api.get(f"{URL}{version.pk}/").json()
    assert (body["metrics"], body["threshold"], body["calibrated"]) == (None, None, False)


def test_list(api: APIClient, django_assert_max_num_queries: Any) -> None:
    versions = ModelVersionFactory.create_batch(3)
    with django_assert_max_num_queries(3):  # token, count, rows
        body = api.get(URL).json()
    assert [row["id"] for row in body["results"]] == [version.pk for version in reversed(versions)]


def test_anonymous_is_401(anonymous: APIClient, problem: Any) -> None:
    problem(anonymous.get(URL), 401, "not_authenticated")
    problem(anonymous.get(f"{URL}1/"), 401, "not_authenticated")


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_read_only(api: APIClient, problem: Any, method: str) -> None:
    problem(getattr(api, method)(URL), 405, "method_not_allowed")
    problem(getattr(api, method)(f"{URL}{ModelVersionFactory().pk}/"), 405, "method_not_allowed")


def test_unknown_id(api: APIClient, problem: Any) -> None:
    problem(api.get(f"{URL}999/"), 404, "not_found")
