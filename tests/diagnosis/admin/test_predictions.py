"""Predictions in the admin: viewing is audited, runs can be retried and canceled."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from diagnosis.models import AuditEvent, Prediction
from tests.factories import PredictionFactory

pytestmark = pytest.mark.django_db

PLACES = ("case", "scan", "prediction")


def url(place: str, pk: object = None, verb: str = "change") -> str:
    return f"/admin/diagnosis/{place}/" + (f"{pk}/{verb}/" if pk else "")


def act(client: Client, action: str, *rows: Prediction) -> list[str]:
    response = client.post(
        url("prediction"), {"action": action, "_selected_action": [row.pk for row in rows]}, follow=True
    )
    return [str(message) for message in response.context["messages"]]


def test_viewing_a_result_is_audited(as_admin: Client, as_staff: Callable[..., Client]) -> None:
    prediction = PredictionFactory()
    assert as_staff().get(url("prediction", prediction.pk)).status_code in (302, 403)
    assert not AuditEvent.objects.filter(action="result.viewed").exists()
    as_admin.get(url("prediction", prediction.pk))
    viewed = AuditEvent.objects.get(action="result.viewed")
    assert (viewed.actor, viewed.target_type, viewed.target_id) == ("root", "prediction", str(prediction.pk))


def test_retry_queues_the_failed_and_counts_the_rest(
    as_admin: Client, admin: User, sent: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    failed, canceled, done = (PredictionFactory(state=state) for state in ("failed", "canceled", "done"))
    with django_capture_on_commit_callbacks(execute=True):
        said = act(as_admin, "retry", failed, canceled, done)
    assert said[0] == "2 predictions queued again."
    assert said[1].startswith("1 prediction left")
    failed.refresh_from_db()
    done.refresh_from_db()
    assert (failed.state, done.state, done.outcome) == ("queued", "done", "tumor")
    assert sorted(sent) == sorted([failed.pk, canceled.pk])
    retried = AuditEvent.objects.filter(action="prediction.retried", actor=admin.username)
    assert {event.target_id for event in retried} == {str(failed.pk), str(canceled.pk)}


def test_cancel_ends_the_waiting_and_leaves_the_ended(as_admin: Client) -> None:
    queued, running, done = (PredictionFactory(state=state) for state in ("queued", "running", "done"))
    said = act(as_admin, "cancel", queued, running, done)
    assert said[0] == "2 predictions canceled."
    assert len(said) == 2
    assert sorted(Prediction.objects.values_list("state", flat=True)) == ["canceled", "canceled", "done"]
    assert AuditEvent.objects.filter(action="prediction.canceled").count() == 2


def test_without_the_permission_there_is_no_action(as_staff: Callable[..., Client]) -> None:
    client = as_staff("view_prediction")
    person = User.objects.get(pk=client.session["_auth_user_id"])
    queued = PredictionFactory(state="queued", scan__case__owner=person)
    act(client, "cancel", queued)
    queued.refresh_from_db()
    assert queued.state == "queued"


def test_the_permission_alone_does_not_reach_other_peoples_runs(as_staff: Callable[..., Client], reader: User) -> None:
    client = as_staff("view_prediction", "change_prediction")
    person = User.objects.get(pk=client.session["_auth_user_id"])
    mine = PredictionFactory(state="queued", scan__case__owner=person)
    unseen = PredictionFactory(state="queued")
    act(client, "cancel", mine, unseen)
    person.groups.add(*reader.groups.all())  # now everything is seen, and still only one's own is changed
    assert "1 prediction" in act(client, "cancel", unseen)[0]
    mine.refresh_from_db()
    unseen.refresh_from_db()
    assert (mine.state, unseen.state) == ("canceled", "queued")


def test_only_superusers_learn_that_somebody_else_uploaded_the_same_image(
    as_admin: Client, as_staff: Callable[..., Client]
) -> None:
    client, foreign = as_staff("view_prediction"), PredictionFactory()
    person = User.objects.get(pk=client.session["_auth_user_id"])
    mine = PredictionFactory(scan__case__owner=person, reused_from=foreign)
    alone = PredictionFactory(scan__case__owner=person)
    for browser, told in ((as_admin, True), (client, False)):
        page = browser.get(url("prediction", mine.pk)).content.decode()
        assert ("Reused from" in page, str(foreign) in page) == (told, told)
    for lookup in ("reused_from", "reused_from__exact", "reused_from__id__exact"):
        assert client.get(url("prediction"), {lookup: foreign.pk}).status_code == 400
    assert client.get(url("prediction"), {"reused_from__isnull": "False"}).status_code == 400
    found = as_admin.get(url("prediction"), {"reused_from__isnull": "False"}).context["cl"].queryset
    assert mine in found and alone not in found
