"""Bulk actions: each row by its own permission and state, with a reason for each that is left."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from diagnosis.access import sharing
from diagnosis.access.sharing import Assignee
from diagnosis.cases import trash
from diagnosis.dicom.errors import NothingToSend, SendForbidden
from diagnosis.models import Assignment, AuditEvent, Prediction
from diagnosis.worklist import bulk
from diagnosis.worklist.bulk import BulkRefused
from tests.factories import CaseFactory, ModelVersionFactory, PredictionFactory

pytestmark = pytest.mark.django_db

Make = Callable[..., Prediction]


@pytest.fixture
def make(model_version: Any) -> Make:
    def _make(owner: User, state: str = "failed") -> Prediction:
        made: Prediction = PredictionFactory(
            scan__case=CaseFactory(owner=owner), state=state, model_version=model_version
        )
        return made

    return _make


def codes(result: bulk.Result) -> dict[int, str]:
    return {refusal.prediction: refusal.code for refusal in result.refused}


def test_each_row_is_done_or_told_why_not(user: User, other_user: User, make: Make) -> None:
    mine, done, theirs = make(user), make(user, "done"), make(other_user)
    shared, hidden = make(other_user), make(other_user)
    sharing.assign(shared.scan.case, to=Assignee(user=user), actor=other_user)
    seen = sharing.assign(theirs.scan.case, to=Assignee(user=user), actor=other_user)
    seen.delete()
    result = bulk.run(user, action="retry", ids=[mine.pk, done.pk, shared.pk, hidden.pk, 10**12, mine.pk])
    assert result.done == [mine.pk, shared.pk]
    assert codes(result) == {done.pk: "conflict", hidden.pk: "not_found", 10**12: "not_found"}
    assert {row.name for row in result.refused} == {"", done.scan_name}
    states = dict(Prediction.objects.values_list("pk", "state"))
    assert (states[mine.pk], states[shared.pk], states[hidden.pk]) == ("queued", "queued", "failed")
    retried = AuditEvent.objects.filter(action="prediction.retried").values_list("target_id", flat=True)
    assert sorted(retried) == sorted([str(mine.pk), str(shared.pk)])


def test_a_scan_that_goes_to_the_trash_while_others_are_sent_is_not_found(
    user: User, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = make(user, "done"), make(user, "done")

    def send(*, user: User, prediction: Prediction) -> int:
        assert prediction == first
        trash.delete_case(second.scan.case, actor=user)
        return 1

    monkeypatch.setattr("diagnosis.dicom.export.send", send)
    result = bulk.run(user, action="archive", ids=[first.pk, second.pk])
    assert (result.done, codes(result)) == ([first.pk], {second.pk: "not_found"})


@pytest.mark.parametrize("action", ["retry", "cancel", "archive", "assign"])
def test_readers_of_all_cases_cannot_change_any(reader: User, user: User, make: Make, action: str) -> None:
    row = make(user, "queued" if action == "cancel" else "failed")
    result = bulk.run(reader, action=action, ids=[row.pk], to_user="reader")
    assert not result.done and codes(result) == {row.pk: "permission_denied"}
    assert not Assignment.objects.exists() and not AuditEvent.objects.exists()


def test_running_analyses_are_canceled(user: User, make: Make) -> None:
    waiting, ended = make(user, "queued"), make(user, "done")
    result = bulk.run(user, action="cancel", ids=[waiting.pk, ended.pk])
    assert (result.done, codes(result)) == ([waiting.pk], {ended.pk: "conflict"})
    assert list(result.by_reason()) == ["Only a waiting or running analysis can be canceled."]


def test_cases_are_assigned_once_each(user: User, other_user: User, make: Make) -> None:
    row = make(user)
    twin = PredictionFactory(scan__case=row.scan.case, model_version=ModelVersionFactory())
    result = bulk.run(user, action="assign", ids=[row.pk, twin.pk], to_user="grace")
    assert result.done == [row.pk, twin.pk]
    assert [(a.case, a.user) for a in Assignment.objects.all()] == [(row.scan.case, other_user)]
    assert AuditEvent.objects.filter(action="case.assigned").count() == 1
    bulk.run(user, action="assign", ids=[row.pk], to_group="reader")
    assert Assignment.objects.filter(group__name="reader").exists()


def test_results_are_sent_one_by_one(user: User, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad, gone = make(user, "done"), make(user, "done"), make(user, "done")

    def send(*, user: User, prediction: Prediction) -> int:
        if prediction == bad:
            raise NothingToSend("The scan came as PNG.")
        if prediction == gone:
            raise FileNotFoundError
        return 2

    monkeypatch.setattr("diagnosis.worklist.bulk.export.send", send)
    result = bulk.run(user, action="archive", ids=[good.pk, bad.pk, gone.pk])
    assert (result.done, codes(result)) == ([good.pk], {bad.pk: "nothing_to_send", gone.pk: "file_missing"})

    def forbid(**_: Any) -> int:
        raise SendForbidden("Only the case's owner or an administrator may send its results.")

    monkeypatch.setattr("diagnosis.worklist.bulk.export.send", forbid)
    assert codes(bulk.run(user, action="archive", ids=[good.pk])) == {good.pk: "permission_denied"}


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"action": "delete", "ids": [1]}, "unknown_action"),
        ({"action": "retry", "ids": []}, "nothing_selected"),
        ({"action": "retry", "ids": range(bulk.MAX_SELECTED + 1)}, "too_many_selected"),
        ({"action": "archive", "ids": range(bulk.MAX_SENT + 1)}, "too_many_selected"),
        ({"action": "assign", "ids": [1]}, "assignee_required"),
        ({"action": "assign", "ids": [1], "to_user": "nobody"}, "unknown_assignee"),
    ],
)
def test_requests_refused_as_a_whole(user: User, asked: dict[str, Any], code: str) -> None:
    with pytest.raises(BulkRefused) as caught:
        bulk.run(user, **asked)
    assert caught.value.code == code


def test_the_archive_is_offered_where_there_is_one(settings: Any) -> None:
    settings.DICOMWEB_URL = ""
    assert [name for name, _ in bulk.offered()] == ["assign", "retry", "cancel"]
    settings.DICOMWEB_URL = "https://archive.example/dicom-web"
    assert [name for name, _ in bulk.offered()][-1] == "archive"
