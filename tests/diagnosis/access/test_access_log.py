"""Every view of a result, and every refusal, leaves an audit row; a page of many requests leaves few."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from diagnosis.access import access_log
from diagnosis.models import AuditEvent, Disclosure, Prediction
from diagnosis.models.prediction import State
from diagnosis.reviews import exposure
from tests.builders import phantom, png_bytes
from tests.factories import PredictionFactory, token_key

pytestmark = pytest.mark.django_db

FETCHED = {"headers": {"Sec-Fetch-Dest": "image"}}
"""What a browser says of a request that a page makes."""


def done(owner: User, **fields: Any) -> Prediction:
    return PredictionFactory(scan__case__owner=owner, state=State.DONE, **fields)


def rows(*actions: str) -> list[AuditEvent]:
    found = AuditEvent.objects.order_by("pk")
    return list(found.filter(action__in=actions) if actions else found.exclude(action__startswith="user."))


def told(event: AuditEvent) -> set[int]:
    return set(event.disclosures.values_list("prediction", flat=True))


def get(client: Client, address: str, **options: Any) -> None:
    """Ask, and read the answer to its end."""
    response = client.get(address, **options)
    assert response.status_code == 200
    b"".join(response)


PAGES: dict[str, Callable[[Prediction], str]] = {
    "worklist": lambda p: reverse("history"),
    "case": lambda p: reverse("case", args=[p.scan.case_id]),
    "similar": lambda p: reverse("prediction-similar", args=[p.pk]),
    "slices": lambda p: reverse("prediction-slices", args=[p.pk]),
    "status": lambda p: reverse("status") + f"?id={p.pk}",
    "heat map": lambda p: reverse("prediction-heatmap", args=[p.pk]),
    "API list": lambda p: "/api/v1/predictions/",
    "API detail": lambda p: f"/api/v1/predictions/{p.pk}/",
    "API heat map": lambda p: f"/api/v1/predictions/{p.pk}/heatmap/",
    "API scan": lambda p: f"/api/v1/scans/{p.scan_id}/",
    "API scans": lambda p: "/api/v1/scans/",
    "API case": lambda p: f"/api/v1/cases/{p.scan.case_id}/",
}


@pytest.mark.parametrize("page", PAGES)
def test_a_view_leaves_one_row_that_names_the_results(page: str, as_user: Client, user: User) -> None:
    prediction = done(user)
    PredictionFactory(scan__case__owner=user, state=State.QUEUED)
    assert as_user.get(PAGES[page](prediction)).status_code == 200
    [event] = rows()
    assert (event.action, event.actor) == ("results.viewed", user.username)
    assert event.details["predictions"] == str(prediction.pk)
    assert told(event) == {prediction.pk}


CHANGES: dict[str, Callable[[Prediction], tuple[str, str, dict[str, Any]]]] = {
    "label a case": lambda p: ("patch", f"cases/{p.scan.case_id}/", {"labels": ["seen"]}),
    "move a scan": lambda p: ("post", f"scans/{p.scan_id}/move/", {"case": "CA-new", "open": True}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_answer_to_a_change_leaves_one_row_if_it_tells_a_result(change: str, as_user: Client, user: User) -> None:
    prediction = done(user)
    verb, address, data = CHANGES[change](prediction)
    answer = getattr(as_user, verb)(f"/api/v1/{address}", data, content_type="application/json")
    assert '"outcome":"tumor"' in answer.content.decode()
    [event] = rows("results.viewed")
    assert told(event) == {prediction.pk}


def test_a_receipt_that_tells_an_earlier_result_leaves_a_row(as_user: Client, user: User) -> None:
    def send() -> Any:
        return as_user.post("/api/v1/scans/", {"files": SimpleUploadedFile("a.png", png_bytes(phantom(96)))})

    assert send().status_code == 201
    Prediction.objects.update(state=State.REFUSED, outcome="refused", finished=timezone.now())
    assert rows("results.viewed") == []
    assert send().json()["scans"][0]["prediction"]["outcome"] == "refused"
    [event] = rows("results.viewed")
    assert told(event) == {Prediction.objects.get().pk}


@pytest.mark.parametrize("action", ["retry", "review"])
def test_a_change_that_only_reads_a_result_leaves_no_such_row(action: str, as_user: Client, user: User) -> None:
    prediction, address = done(user), "predictions/bulk/"
    data: Any = {"action": "retry", "ids": [prediction.pk]}
    if action == "review":
        address, data = "reviews/", {"prediction": prediction.pk, "finding": "tumor"}
    assert as_user.post(f"/api/v1/{address}", data, content_type="application/json").status_code in (200, 201)
    assert rows("results.viewed") == []


def test_a_result_page_leaves_its_own_row_and_no_second_one(as_user: Client, user: User) -> None:
    prediction = done(user)
    as_user.get(prediction.get_absolute_url())
    assert [event.action for event in rows()] == ["result.viewed"]


def test_a_page_of_fifty_leaves_one_row(as_user: Client, user: User, django_assert_max_num_queries: Any) -> None:
    seen = {done(user).pk for _ in range(25)}
    as_user.get(reverse("history"))
    [event] = rows()
    assert told(event) == seen
    first, last = min(seen), max(seen)
    assert event.details["predictions"] == f"{first}-{last}"


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING, State.FAILED, State.CANCELED])
def test_a_page_without_results_leaves_no_row(state: State, as_user: Client, user: User) -> None:
    PredictionFactory(scan__case__owner=user, state=state)
    as_user.get(reverse("history"))
    assert rows() == []


def test_a_head_request_and_a_cached_image_tell_nothing(as_user: Client, user: User) -> None:
    prediction = done(user)
    as_user.head(reverse("history"))
    assert rows() == []
    address = reverse("prediction-heatmap", args=[prediction.pk])
    etag = as_user.get(address).headers["ETag"]
    assert as_user.get(address, headers={"If-None-Match": etag}).status_code == 304
    assert len(rows()) == 1


def test_the_list_of_cases_names_those_it_counts(as_user: Client, user: User) -> None:
    prediction = done(user)
    as_user.get(reverse("cases"))
    [event] = rows("results.viewed")
    assert event.details["cases"] == [prediction.scan.case_id]


@pytest.mark.parametrize("route", ["scan-preview", "scan-pixels"])
def test_a_large_image_counts_and_a_thumbnail_does_not(route: str, as_user: Client, user: User) -> None:
    scan = done(user).scan
    get(as_user, reverse("scan-thumbnail", args=[scan.pk]))
    assert rows() == []
    arguments = [scan.pk] if route == "scan-preview" else [scan.pk, 0]
    get(as_user, reverse(route, args=arguments))
    [event] = rows()
    assert (event.action, event.target_type, event.target_id) == ("picture.viewed", "scan", str(scan.pk))


def test_the_pieces_of_a_page_leave_one_row_in_ten_minutes(as_user: Client, user: User) -> None:
    scan = done(user).scan
    for _ in range(3):
        get(as_user, reverse("scan-preview", args=[scan.pk]))
        get(as_user, reverse("scan-pixels", args=[scan.pk, 0]))
        get(as_user, reverse("prediction-heatmap", args=[scan.predictions.get().pk]), **FETCHED)
    assert [event.action for event in rows()] == ["picture.viewed", "results.viewed"]


def test_each_page_and_each_answer_to_a_script_leaves_its_own(as_user: Client, user: User) -> None:
    done(user)
    for _ in range(3):
        as_user.get(reverse("history"))
        as_user.get("/api/v1/predictions/")
    assert len(rows("results.viewed")) == 6


def test_without_a_cache_every_view_leaves_a_row(as_user: Client, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    class Away:
        def __getattr__(self, name: str) -> Any:
            raise ConnectionError

    monkeypatch.setattr(access_log, "cache", Away())
    scan = done(user).scan
    for _ in range(2):
        get(as_user, reverse("scan-preview", args=[scan.pk]))
    assert len(rows("picture.viewed")) == 2


def test_an_export_names_every_result_in_it(as_user: Client, user: User) -> None:
    seen = {done(user).pk for _ in range(3)}
    PredictionFactory(scan__case__owner=user, state=State.QUEUED)
    get(as_user, reverse("history-export"))
    [event] = rows()
    assert (event.action, told(event)) == ("list.exported", seen)


def test_a_list_counts_when_it_is_asked_who_saw_a_result_first(as_user: Client, user: User) -> None:
    prediction = done(user)
    assert exposure.first_seen(prediction.scan, reader=user) is None
    as_user.get(reverse("history"))
    assert exposure.first_seen(prediction.scan, reader=user) == rows()[0].at


REFUSED: dict[str, tuple[Callable[[Prediction], str], str]] = {
    "another's result": (lambda p: p.get_absolute_url(), "prediction"),
    "another's case": (lambda p: reverse("case", args=[p.scan.case_id]), "case"),
    "another's image": (lambda p: reverse("scan-preview", args=[p.scan_id]), "scan"),
    "over the API": (lambda p: f"/api/v1/predictions/{p.pk}/", "prediction"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_somebody_may_not_see_leaves_a_row(what: str, as_user: Client, other_user: User) -> None:
    address, kind = REFUSED[what]
    prediction = done(other_user)
    keys = {"prediction": prediction.pk, "case": prediction.scan.case_id, "scan": prediction.scan_id}
    assert as_user.get(address(prediction)).status_code == 404
    [event] = rows()
    assert (event.action, event.actor) == ("access.not_found", "ada")
    assert (event.target_type, event.target_id) == (kind, str(keys[kind]))


def test_what_somebody_may_not_do_leaves_a_row(as_user: Client, reader: User, other_user: User) -> None:
    prediction = PredictionFactory(scan__case__owner=other_user, state=State.FAILED)
    as_user.force_login(reader)
    assert as_user.post(reverse("prediction-retry", args=[prediction.pk])).status_code == 403
    [event] = rows()
    assert (event.action, event.target_id, event.details["method"]) == ("access.denied", str(prediction.pk), "POST")


def test_the_admin_is_denied_with_a_row(as_user: Client) -> None:
    assert as_user.get(reverse("admin:index"), follow=True).status_code == 403
    assert [event.action for event in rows()] == ["access.denied"]


def test_a_token_that_is_not_valid_leaves_a_row_without_it(client: Client) -> None:
    answer = client.get("/api/v1/cases/", headers={"Authorization": "Token nosuchtoken"})
    assert answer.status_code == 401
    [event] = rows()
    assert (event.action, event.actor, event.address) == ("token.refused", "", "127.0.0.1")
    assert "nosuchtoken" not in str(event.details)


@pytest.mark.parametrize("address", ["/api/v1/cases/", "/history/", "/nowhere/", "/cases/1/"])
def test_a_visitor_who_is_asked_to_log_in_leaves_none(address: str, client: Client) -> None:
    client.get(address)
    assert rows() == []


def test_a_script_that_reads_by_token_is_named(client: Client, user: User) -> None:
    prediction = done(user)
    key = token_key(user)
    client.get("/api/v1/predictions/", headers={"Authorization": f"Token {key}"})
    [event] = rows()
    assert (event.actor, told(event)) == (user.username, {prediction.pk})


@pytest.mark.slow
def test_guessing_does_not_fill_the_trail(client: Client) -> None:
    for _ in range(100):
        client.get("/api/v1/cases/", headers={"Authorization": "Token guess"})
    times = [event.details["times"] for event in rows("token.refused")]
    assert times == [*range(1, access_log.LOGGED_EACH + 1), 32, 64]


def test_two_pages_at_once_keep_their_rows_apart(as_user: Client, user: User) -> None:
    mine, other = done(user), done(user)
    as_user.get(f"/api/v1/predictions/{mine.pk}/")
    as_user.get(f"/api/v1/predictions/{other.pk}/")
    assert [told(event) for event in rows()] == [{mine.pk}, {other.pk}]
    assert Disclosure.objects.count() == 2
