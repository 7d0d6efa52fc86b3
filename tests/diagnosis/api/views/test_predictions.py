"""predictions/: lists, one, retry, cancel, heat map; for owner, other, reader, admin and nobody."""

import io
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from PIL import Image as Pillow
from rest_framework.test import APIClient

from diagnosis.models import AuditEvent, Prediction
from tests.factories import CaseFactory, ModelVersionFactory, PredictionFactory, ScanFactory, evidence

URL = "/api/v1/predictions/"


def test_a_prediction_has_the_fields_that_scripts_rely_on(api: APIClient, done: Prediction) -> None:
    body = api.get(f"{URL}{done.pk}/").json()
    assert body["id"] == done.pk
    assert (body["state"], body["outcome"], body["tumor_probability"]) == ("done", "tumor", 0.93)
    assert body["type_probabilities"] == {"glioma": 0.81, "meningioma": 0.14, "pituitary": 0.05}
    assert body["evidence"].keys() == {"peak", "box", "share", "heatmap_url", "overlay_url"}
    assert (body["uncertain"], body["trained_on"]) == (False, False)
    assert body["gate"]["accepted"] is True
    assert done.model_version is not None and body["model"] == done.model_version.label
    assert body["calibrated"] is False
    assert body["milliseconds"]["total"] == 153.5
    assert (body["attempts"], body["error"], body["position"]) == (1, None, None)
    assert body["created"] and body["started"] and body["finished"]
    assert body["scan"] == done.scan_id
    assert body["case"] == done.scan.case.reference
    assert body["url"] == f"http://testserver{URL}{done.pk}/"


def test_urls_lead_somewhere(api: APIClient, done: Prediction) -> None:
    body = api.get(f"{URL}{done.pk}/").json()
    for key in ("url", "scan_url", "case_url"):
        assert api.get(body[key]).status_code == 200


def test_a_failed_prediction_says_why(api: APIClient, failed: Prediction) -> None:
    body = api.get(f"{URL}{failed.pk}/").json()
    assert body["outcome"] is None
    assert body["error"] == {"code": "internal", "detail": "The analysis failed unexpectedly."}


def test_a_queued_prediction_has_its_position(api: APIClient, queued: Prediction, user: User) -> None:
    second = PredictionFactory(scan__case__owner=user, state="queued")
    assert api.get(f"{URL}{queued.pk}/").json()["position"] == 1
    assert api.get(f"{URL}{second.pk}/").json()["position"] == 2
    assert api.get(f"{URL}{second.pk}/").json()["estimated_seconds"] is None


def test_evidence_has_a_region_and_image_urls(api: APIClient, done: Prediction) -> None:
    shown = api.get(f"{URL}{done.pk}/").json()["evidence"]
    assert shown["peak"] == pytest.approx([9.5 / 14, 5.5 / 14], abs=0.01)
    x0, y0, x1, y1 = shown["box"]
    assert x0 < shown["peak"][0] < x1 and y0 < shown["peak"][1] < y1
    assert 0 < shown["share"] <= 1
    for kind, mode in (("heatmap", "RGBA"), ("overlay", "RGB")):
        assert shown[f"{kind}_url"] == f"http://testserver{URL}{done.pk}/{kind}/"
        response = api.get(shown[f"{kind}_url"])
        assert (response.status_code, response["Content-Type"]) == (200, "image/png")
        image = Pillow.open(io.BytesIO(response.content))
        assert (image.mode, image.size) == (mode, (96, 96))


def test_the_map_is_hot_where_the_peak_is(api: APIClient, done: Prediction) -> None:
    image = Pillow.open(io.BytesIO(api.get(f"{URL}{done.pk}/heatmap/").content))
    x, y = api.get(f"{URL}{done.pk}/").json()["evidence"]["peak"]
    hot, cold = image.getpixel((int(x * 96), int(y * 96))), image.getpixel((2, 93))
    assert isinstance(hot, tuple) and hot[3] > 200
    assert isinstance(cold, tuple) and cold[3] == 0


def test_evidence_that_is_not_localized_has_no_box(api: APIClient, user: User) -> None:
    spread = PredictionFactory(scan__case__owner=user, evidence=evidence(strongest=0.05))
    shown = api.get(f"{URL}{spread.pk}/").json()["evidence"]
    assert (shown["box"], shown["share"]) == (None, None)
    assert api.get(shown["overlay_url"]).status_code == 200


def test_evidence_without_a_map_has_no_images(api: APIClient, user: User, problem: Any) -> None:
    old = PredictionFactory(scan__case__owner=user, evidence={"peak": [0.6, 0.4], "box": [0.5, 0.3, 0.7, 0.5]})
    assert api.get(f"{URL}{old.pk}/").json()["evidence"] == {
        "peak": [0.6, 0.4],
        "box": [0.5, 0.3, 0.7, 0.5],
        "share": None,
        "heatmap_url": None,
        "overlay_url": None,
    }
    problem(api.get(f"{URL}{old.pk}/heatmap/"), 404, "no_evidence")


@pytest.mark.parametrize("kind", ["heatmap", "overlay"])
def test_no_browser_keeps_drawn_images_and_scripts_have_them_drawn_once(
    api: APIClient, done: Prediction, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = api.get(f"{URL}{done.pk}/{kind}/")
    assert first["Cache-Control"] == "private, no-store" and first["X-Content-Type-Options"] == "nosniff"
    monkeypatch.setattr(f"ml.evidence.drawing.{kind}_png", lambda *_, **__: 1 / 0)
    assert api.get(f"{URL}{done.pk}/{kind}/", HTTP_IF_NONE_MATCH=first["ETag"]).status_code == 304


def test_each_overlay_download_is_audited(api: APIClient, done: Prediction) -> None:
    first = api.get(f"{URL}{done.pk}/overlay/")
    api.get(f"{URL}{done.pk}/overlay/", HTTP_IF_NONE_MATCH=first["ETag"])
    api.get(f"{URL}{done.pk}/heatmap/")
    assert AuditEvent.objects.filter(action="overlay.downloaded", target_id=str(done.pk)).count() == 1


def test_a_preview_that_is_gone_is_not_found(api: APIClient, done: Prediction, problem: Any) -> None:
    done.scan.preview.delete(save=False)
    problem(api.get(f"{URL}{done.pk}/overlay/"), 404, "not_found")


def test_an_uncertain_prediction_keeps_its_likelier_outcome(api: APIClient, user: User) -> None:
    unsure = PredictionFactory(scan__case__owner=user, tumor_probability=0.48, outcome="no_tumor", uncertain=True)
    body = api.get(f"{URL}{unsure.pk}/").json()
    assert (body["outcome"], body["uncertain"]) == ("no_tumor", True)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("outcome=tumor", {"sure.png", "unsure.png"}),
        ("outcome=tumor&uncertain=false", {"sure.png"}),
        ("outcome=uncertain", {"unsure.png"}),
        ("outcome=uncertain&outcome=no_tumor", {"unsure.png", "none.png"}),
        ("uncertain=true", {"unsure.png"}),
        ("trained_on=true", {"none.png"}),
        ("trained_on=false", {"sure.png", "unsure.png"}),
    ],
)
def test_filters_by_uncertainty_and_training(api: APIClient, user: User, query: str, names: set[str]) -> None:
    PredictionFactory(scan__case__owner=user, scan__name="sure.png")
    PredictionFactory(scan__case__owner=user, scan__name="unsure.png", uncertain=True, tumor_probability=0.55)
    PredictionFactory(scan__case__owner=user, scan__name="none.png", outcome="no_tumor", trained_on=True)
    assert {row["name"] for row in api.get(f"{URL}?{query}").json()["results"]} == names


def test_a_run_without_a_model_can_be_read(api: APIClient, user: User) -> None:
    lost = PredictionFactory(scan__case__owner=user, state="failed", model_version=None)
    body = api.get(f"{URL}{lost.pk}/").json()
    assert (body["model"], body["calibrated"]) == (None, False)
    assert api.get(URL).json()["results"][0]["model"] is None


def test_calibrated_model(api: APIClient, user: User) -> None:
    version = ModelVersionFactory(manifest={"calibration": {"temperature": 1.5}})
    one = PredictionFactory(scan__case__owner=user, model_version=version)
    assert api.get(f"{URL}{one.pk}/").json()["calibrated"] is True
    assert api.get(URL).json()["results"][0]["calibrated"] is True


def test_the_list_has_only_the_users_predictions(api: APIClient, done: Prediction) -> None:
    PredictionFactory()
    body = api.get(URL).json()
    assert body["count"] == 1
    assert [row["id"] for row in body["results"]] == [done.pk]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("state=failed", 1),
        ("state=failed&state=done", 2),
        ("outcome=tumor", 1),
        ("owner=ada", 2),
        ("owner=grace", 0),
        ("case=A-1", 1),
        ("q=a-1", 1),
        ("q=nothing", 0),
        ("created_after=2000-01-01", 2),
        ("created_before=2000-01-01", 0),
    ],
)
def test_filters(api: APIClient, user: User, failed: Prediction, query: str, count: int) -> None:
    PredictionFactory(scan__case=CaseFactory(owner=user, reference="A-1"))
    assert api.get(f"{URL}?{query}").json()["count"] == count


def test_filter_by_model(api: APIClient, done: Prediction, failed: Prediction) -> None:
    assert done.model_version_id is not None
    body = api.get(URL, {"model": done.model_version_id}).json()
    assert [row["id"] for row in body["results"]] == [done.pk]


@pytest.mark.parametrize(
    "query",
    [
        "state=sleeping",
        "outcome=x",
        "uncertain=perhaps",
        "trained_on=1",
        "model=999999",
        "model=x",
        "created_after=yesterday",
        "q=%00",
    ],
)
def test_a_filter_that_makes_no_sense_is_400(api: APIClient, problem: Any, query: str) -> None:
    body = problem(api.get(f"{URL}?{query}"), 400, "invalid")
    assert query.partition("=")[0].removesuffix("_after") in body["errors"]


def test_ordering(api: APIClient, user: User) -> None:
    low = PredictionFactory(scan__case__owner=user, tumor_probability=0.1)
    high = PredictionFactory(scan__case__owner=user, tumor_probability=0.9)
    ids = [row["id"] for row in api.get(URL, {"ordering": "tumor_probability"}).json()["results"]]
    assert ids == [low.pk, high.pk]
    ids = [row["id"] for row in api.get(URL, {"ordering": "-tumor_probability"}).json()["results"]]
    assert ids == [high.pk, low.pk]


@pytest.mark.parametrize("ordering", ["scan__case__owner__password", "-secret", "?", "state,nothing"])
def test_ordering_by_what_is_not_allowed(api: APIClient, done: Prediction, problem: Any, ordering: str) -> None:
    body = problem(api.get(URL, {"ordering": ordering}), 400, "invalid")
    assert "tumor_probability" in body["errors"]["ordering"][0]


def test_pages(api: APIClient, user: User, problem: Any) -> None:
    scan = ScanFactory(case__owner=user)
    PredictionFactory.create_batch(3, scan=scan, state="failed")
    first = api.get(URL, {"page_size": "2", "ordering": "state"}).json()
    second = api.get(first["next"]).json()
    assert (first["count"], len(first["results"]), len(second["results"])) == (3, 2, 1)
    assert not {row["id"] for row in first["results"]} & {row["id"] for row in second["results"]}
    problem(api.get(URL, {"page": 9}), 404, "not_found")
    problem(api.get(URL, {"page": "x"}), 404, "not_found")


@pytest.mark.parametrize("ordering", ["", "created", "-tumor_probability,state", "finished", "outcome,-created"])
def test_pages_hold_all_rows_once_and_in_order(api: APIClient, user: User, ordering: str) -> None:
    """With ties, and with rows that have no value to sort by."""
    at, scan = timezone.now(), ScanFactory(case__owner=user)
    PredictionFactory.create_batch(3, scan=scan, state="failed", created=at)
    PredictionFactory.create_batch(2, scan__case__owner=user, state="queued")
    PredictionFactory.create_batch(2, scan__case__owner=user, created=at)
    whole = [row["id"] for row in api.get(URL, {"ordering": ordering}).json()["results"]]
    pages = [api.get(URL, {"ordering": ordering, "page_size": 2, "page": page}).json() for page in (1, 2, 3, 4)]
    assert [row["id"] for page in pages for row in page["results"]] == whole
    assert len(set(whole)) == 7
    assert [page["count"] for page in pages] == [7] * 4


def test_skipping_to_a_page_reads_keys_alone(api: APIClient, user: User) -> None:
    """Joins and whole rows are for the page alone, and nothing looks for rows that come twice."""
    PredictionFactory.create_batch(5, scan__case__owner=user)
    with CaptureQueriesContext(connection) as queries:
        assert len(api.get(URL, {"page_size": "2", "page": "2", "state": "done"}).json()["results"]) == 2
    [paged] = [query["sql"] for query in queries if "OFFSET" in query["sql"]]
    assert "JOIN" in paged
    assert "JOIN" not in paged[paged.index("IN (SELECT") : paged.index("OFFSET")]
    assert not any("DISTINCT" in query["sql"] for query in queries)


@pytest.mark.parametrize("asked", ["1", "200", "100000", "9" * 5000, ""])
def test_page_sizes(api: APIClient, done: Prediction, asked: str) -> None:
    assert api.get(URL, {"page_size": asked}).status_code == 200


@pytest.mark.parametrize("asked", ["0", "-1", "x", "1.5", "null", "²", "0" * 5000])
def test_invalid_page_sizes_are_named_in_the_error(api: APIClient, problem: Any, asked: str) -> None:
    assert "page_size" in problem(api.get(URL, {"page_size": asked}), 400, "invalid")["errors"]


def test_pages_are_never_larger_than_200(api: APIClient, user: User) -> None:
    PredictionFactory.create_batch(201, scan=ScanFactory(case__owner=user), state="failed", model_version=None)
    assert len(api.get(URL, {"page_size": 500}).json()["results"]) == 200


def test_list_costs_the_same_whatever_its_length(
    api: APIClient, user: User, django_assert_max_num_queries: Any
) -> None:
    PredictionFactory.create_batch(12, scan__case__owner=user)
    with django_assert_max_num_queries(6):  # token, count, rows, model versions, two of the audit
        assert len(api.get(URL).json()["results"]) == 12


def test_one_costs_few_queries(api: APIClient, queued: Prediction, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(3):  # token, prediction, estimate
        api.get(f"{URL}{queued.pk}/")


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_predictions_are_not_edited(api: APIClient, done: Prediction, problem: Any, method: str) -> None:
    problem(getattr(api, method)(f"{URL}{done.pk}/"), 405, "method_not_allowed")
    problem(api.post(URL), 405, "method_not_allowed")


@pytest.mark.parametrize(
    ("method", "path"), [("get", ""), ("get", "heatmap/"), ("get", "overlay/"), ("post", "retry/"), ("post", "cancel/")]
)
def test_another_users_prediction_is_not_found(
    login: Any, other_user: User, done: Prediction, problem: Any, method: str, path: str
) -> None:
    problem(getattr(login(other_user), method)(f"{URL}{done.pk}/{path}"), 404, "not_found")


@pytest.mark.parametrize("pk", [0, 999_999, 10**30])
def test_unknown_ids_are_404(api: APIClient, problem: Any, pk: int) -> None:
    problem(api.get(f"{URL}{pk}/"), 404, "not_found")
    problem(api.post(f"{URL}{pk}/retry/"), 404, "not_found")


@pytest.mark.parametrize("kind", ["heatmap", "overlay"])
@pytest.mark.parametrize("state", ["queued", "failed", "refused"])
def test_a_prediction_without_result_has_no_map(
    api: APIClient, user: User, problem: Any, state: str, kind: str
) -> None:
    one = PredictionFactory(scan__case__owner=user, state=state)
    problem(api.get(f"{URL}{one.pk}/{kind}/"), 404, "no_evidence")
    problem(api.get(f"{URL}{one.pk}/{kind}/", HTTP_ACCEPT="image/png"), 404, "no_evidence")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", ""),
        ("get", "1/"),
        ("post", "1/retry/"),
        ("post", "1/cancel/"),
        ("get", "1/heatmap/"),
        ("get", "1/overlay/"),
    ],
)
def test_anonymous_is_401(anonymous: APIClient, problem: Any, method: str, path: str) -> None:
    response = getattr(anonymous, method)(f"{URL}{path}")
    problem(response, 401, "not_authenticated")
    assert response["WWW-Authenticate"] == "Token"
