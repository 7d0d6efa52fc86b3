"""Deleted cases and scans are gone for everybody, and come back as they were."""

from collections.abc import Callable
from typing import Any

import pytest

from diagnosis.access import selectors
from diagnosis.cases import trash
from diagnosis.cases.errors import CaseForbidden, CaseRefused
from diagnosis.inference import transitions
from diagnosis.models import AuditEvent, Case, Embedding, Prediction, Review, Scan
from diagnosis.models.prediction import State
from diagnosis.similarity.embedding_index import index
from tests.embeddings import embed
from tests.factories import PredictionFactory

pytestmark = pytest.mark.django_db

Act = Callable[[], None]


def shown(user: Any) -> tuple[int, int, int]:
    """How many cases, scans and predictions somebody sees."""
    return selectors.cases(user).count(), selectors.scans(user).count(), selectors.predictions(user).count()


def actions() -> list[tuple[str, str]]:
    return list(AuditEvent.objects.order_by("id").values_list("action", "actor"))


def test_a_deleted_case_is_hidden_and_comes_back_whole(case: Case, user: Any, admin: Any) -> None:
    trash.delete_case(case, actor=user)
    assert shown(user) == shown(admin) == (0, 0, 0)
    trash.restore_case(case, actor=user)
    assert shown(user) == (1, 2, 2)
    case.refresh_from_db()
    assert (case.deleted, case.deleted_by) == (None, None)
    assert actions() == [("case.deleted", "ada"), ("case.restored", "ada")]


def test_a_scan_that_was_deleted_before_its_case_stays_in_the_trash(case: Case, user: Any) -> None:
    first, _ = case.scans.order_by("pk")
    trash.delete_scan(first, actor=user)
    assert shown(user) == (1, 1, 1)
    trash.delete_case(case, actor=user)
    with pytest.raises(CaseRefused, match="Restore the case CA-1 first"):
        trash.restore_scan(first, actor=user)
    trash.restore_case(case, actor=user)
    assert shown(user) == (1, 1, 1)
    trash.restore_scan(first, actor=user)
    assert shown(user) == (1, 2, 2)


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_run_ends_with_the_deletion_and_is_queued_again_when_restored(
    state: str, case: Case, user: Any, model_version: Any, sent: Any, django_capture_on_commit_callbacks: Any
) -> None:
    run = PredictionFactory(scan__case=case, state=state, model_version=model_version)
    trash.delete_case(case, actor=user)
    transitions.complete(run, state=State.DONE, outcome="tumor", tumor_probability=0.9)
    run.refresh_from_db()
    assert (run.state, run.outcome, run.in_trash) == ("canceled", "", True)
    assert not transitions.retry(run, actor=user)
    with django_capture_on_commit_callbacks(execute=True):
        trash.restore_case(case, actor=user)
    run.refresh_from_db()
    assert (run.state, run.error_code, run.in_trash) == ("queued", "", False)
    assert list(sent) == [run.pk]


def test_a_run_that_somebody_canceled_stays_canceled(case: Case, user: Any, model_version: Any) -> None:
    run = PredictionFactory(scan__case=case, state="queued", model_version=model_version)
    transitions.cancel(run, actor=user)
    trash.delete_case(case, actor=user)
    trash.restore_case(case, actor=user)
    assert Prediction.objects.get(pk=run.pk).state == "canceled"


def test_what_uploads_add_to_a_deleted_scan_is_hidden_too(case: Case, user: Any) -> None:
    scan = case.scans.order_by("pk")[0]
    stale = Scan.objects.select_related("case").get(pk=scan.pk)
    trash.delete_case(case, actor=user)
    assert transitions.create(stale, model_version=None, requested_by=user).in_trash


def test_similar_search_forgets_and_finds_again(case: Case, user: Any, model_version: Any) -> None:
    for run in Prediction.objects.order_by("pk"):
        embed(run)
    search = index(model_version.pk)
    trash.delete_case(case, actor=user)
    search.refresh()
    assert len(search) == 0
    highest = max(Embedding.objects.values_list("pk", flat=True))
    trash.restore_case(case, actor=user)
    assert min(Embedding.objects.values_list("pk", flat=True)) > highest
    search.refresh()
    assert len(search) == 2


@pytest.mark.parametrize("who", ["other_user", "reader"])
def test_only_who_may_change_a_case_deletes_and_restores(who: str, case: Case, user: Any, request: Any) -> None:
    person = request.getfixturevalue(who)
    scan = case.scans.order_by("pk")[0]
    acts: list[Act] = [lambda: trash.delete_case(case, actor=person), lambda: trash.delete_scan(scan, actor=person)]
    for act in acts:
        with pytest.raises(CaseForbidden):
            act()
    trash.delete_scan(scan, actor=user)
    with pytest.raises(CaseForbidden):
        trash.restore_scan(scan, actor=person)
    trash.delete_case(case, actor=user)
    with pytest.raises(CaseForbidden):
        trash.restore_case(case, actor=person)


def test_deleting_or_restoring_twice_is_refused(case: Case, user: Any) -> None:
    scan = case.scans.order_by("pk")[0]
    trash.delete_scan(scan, actor=user)
    with pytest.raises(CaseRefused) as refused:
        trash.delete_scan(scan, actor=user)
    assert refused.value.code == "in_trash"
    trash.restore_scan(scan, actor=user)
    trash.delete_case(case, actor=user)
    deletions: list[Act] = [lambda: trash.delete_case(case, actor=user), lambda: trash.delete_scan(scan, actor=user)]
    for act in deletions:
        with pytest.raises(CaseRefused, match="already"):
            act()
    trash.restore_case(case, actor=user)
    returns: list[Act] = [lambda: trash.restore_case(case, actor=user), lambda: trash.restore_scan(scan, actor=user)]
    for act in returns:
        with pytest.raises(CaseRefused) as refused:
            act()
        assert refused.value.code == "not_in_trash"
    assert [action for action, _ in actions()] == ["scan.deleted", "scan.restored", "case.deleted", "case.restored"]


def test_the_confirmation_counts_what_goes(
    case: Case, user: Any, other_user: Any, django_assert_num_queries: Any
) -> None:
    first, second = case.scans.order_by("pk")
    Review.objects.create(scan=first, reader=user, mode="open", pixel_sha256=first.pixel_sha256)
    with django_assert_num_queries(3):
        assert trash.contents(case) == trash.Contents(scans=2, results=2, reviews=1, signed=0)
    assert trash.contents(second) == trash.Contents(scans=1, results=1, reviews=0, signed=0)
