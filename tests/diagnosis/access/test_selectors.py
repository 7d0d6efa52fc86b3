"""Who sees what: decided in one place, held for every kind of object."""

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from diagnosis.access import selectors
from diagnosis.models import Slice, SliceResult
from diagnosis.models.prediction import State
from tests.factories import CaseFactory, ModelVersionFactory, PredictionFactory, ScanFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def mine(user: Any) -> Any:
    return PredictionFactory(scan__case__owner=user)


@pytest.fixture
def others(other_user: Any) -> Any:
    return PredictionFactory(scan__case__owner=other_user)


def test_people_see_their_own(user: Any, mine: Any, others: Any) -> None:
    assert list(selectors.predictions(user)) == [mine]
    assert list(selectors.scans(user)) == [mine.scan]
    assert list(selectors.cases(user)) == [mine.scan.case]
    assert not selectors.result(user, prediction_id=others.pk).exists()
    assert [p.pk for p in selectors.statuses(user, prediction_ids=[mine.pk, others.pk])] == [mine.pk]
    assert not selectors.case_scans(user, case=others.scan.case).exists()


def test_readers_and_admins_see_all(reader: Any, admin: Any, mine: Any, others: Any) -> None:
    for person in (reader, admin):
        assert selectors.predictions(person).count() == 2
        assert selectors.scans(person).count() == 2
        assert selectors.cases(person).count() == 2


def test_anonymous_and_deactivated_users_see_nothing(user: Any, mine: Any) -> None:
    user.is_active = False
    for person in (user, AnonymousUser()):
        assert not selectors.predictions(person).exists()
        assert not selectors.scans(person).exists()
        assert not selectors.cases(person).exists()


@pytest.mark.parametrize("what", ["case", "scan"])
def test_rows_in_the_trash_are_hidden_from_everybody(what: str, user: Any, reader: Any, admin: Any) -> None:
    scan = ScanFactory(case__owner=user, frames=3)
    row = Slice.objects.create(scan=scan, index=0, pixel_sha256="0" * 64)
    deleted = scan if what == "scan" else scan.case
    deleted.deleted = timezone.now()
    deleted.save()
    gone = PredictionFactory(scan=scan)
    SliceResult.objects.create(prediction=gone, slice=row, outcome="tumor", tumor_probability=0.9)
    for person in (user, reader, admin):
        assert not selectors.predictions(person).exists()
        assert not selectors.statuses(person, prediction_ids=[gone.pk]).exists()
        assert not selectors.scans(person).exists()
        assert not selectors.case_scans(person, case=scan.case).exists()
        assert not selectors.slices(person).exists()
        assert not selectors.slice_results(person).exists()
        assert [case.scan_count for case in selectors.cases(person)] == ([0] if what == "scan" else [])


def test_next_and_previous_leave_out_deleted_scans(user: Any) -> None:
    case = CaseFactory(owner=user)
    first, deleted, last = (PredictionFactory(scan__case=case) for _ in range(3))
    deleted.scan.deleted = timezone.now()
    deleted.scan.save()
    assert selectors.adjacent(first) == (None, last.pk)


def test_position_counts_earlier_predictions(user: Any) -> None:
    now = timezone.now()
    for state in (State.CANCELED, State.DONE, State.RUNNING):  # nobody waits for these
        PredictionFactory(state=state, queued=now.replace(microsecond=0))
    first, second = (
        PredictionFactory(state="queued", scan__case__owner=user, queued=now.replace(microsecond=n)) for n in (1, 2)
    )
    positions = {p.pk: p.position for p in selectors.statuses(user, prediction_ids=[first.pk, second.pk])}
    assert positions == {first.pk: 1, second.pk: 2}


def test_a_case_tells_how_many_scans_it_has(user: Any, mine: Any) -> None:
    empty = CaseFactory(owner=user)
    ScanFactory(case=mine.scan.case)
    assert {case.pk: case.scan_count for case in selectors.cases(user)} == {mine.scan.case.pk: 2, empty.pk: 0}


def test_any_number_of_statuses_costs_one_query(user: Any, django_assert_num_queries: Any) -> None:
    ids = [PredictionFactory(state="queued", scan__case__owner=user).pk for _ in range(12)]
    user.is_reader = user.has_assignments = user.has_policy = False  # as the user of a request is loaded
    with django_assert_num_queries(1):
        assert [p.scan.case.owner.username for p in selectors.statuses(user, prediction_ids=ids)] == ["ada"] * 12


def test_adjacent_predictions_follow_the_order_of_the_case(user: Any) -> None:
    case = CaseFactory(owner=user)
    a, b, c = (PredictionFactory(scan=ScanFactory(case=case)) for _ in range(3))
    newest = PredictionFactory(scan=b.scan)
    assert selectors.adjacent(a) == (None, newest.pk)
    assert selectors.adjacent(newest) == (a.pk, c.pk)
    assert selectors.adjacent(c) == (newest.pk, None)


def test_the_queue_summary_counts_waiting_and_running_separately(user: Any) -> None:
    for state, number in ((State.QUEUED, 3), (State.RUNNING, 2), (State.DONE, 1), (State.FAILED, 1)):
        PredictionFactory.create_batch(number, state=state)
    assert selectors.queue_summary() == {"waiting": 3, "running": 2}


def test_a_cases_scans_come_oldest_first_with_their_predictions_newest_first(
    user: Any, django_assert_num_queries: Any
) -> None:
    user.is_reader = user.has_assignments = user.has_policy = False  # as the user of a request is loaded
    case = CaseFactory(owner=user)
    first, second = ScanFactory(case=case), ScanFactory(case=case)
    old = PredictionFactory(scan=first, model_version=ModelVersionFactory())
    new = PredictionFactory(scan=first, model_version=ModelVersionFactory())
    with django_assert_num_queries(2):
        scans = list(selectors.case_scans(user, case=case))
        labels = [[run.model_version.label for run in scan.history] for scan in scans]
    assert scans == [first, second]
    assert labels == [[new.model_version.label, old.model_version.label], []]


def test_a_list_of_predictions_never_loads_a_manifest(user: Any) -> None:
    """It is hundreds of kilobytes, and one for each row."""
    case = CaseFactory(owner=user)
    PredictionFactory(scan__case=case)
    [scan] = selectors.case_scans(user, case=case)
    listed = [*selectors.predictions(user), *scan.history]
    assert [run.model_version.get_deferred_fields() for run in listed] == [{"manifest"}, {"manifest"}]


def test_slices_and_their_results_come_in_viewing_order_newest_scan_first(
    user: Any, reader: Any, other_user: Any, django_assert_num_queries: Any
) -> None:
    first, second = (PredictionFactory(scan__case__owner=user) for _ in range(2))
    for run in (first, second):
        for index in (1, 0):
            row = Slice.objects.create(scan=run.scan, index=index, pixel_sha256="a" * 64)
            SliceResult.objects.create(prediction=run, slice=row, outcome="refused")
    places = [(run.scan, index) for run in (second, first) for index in (0, 1)]
    user.is_reader, reader.is_reader = False, True  # as the user of a request is loaded
    user.has_assignments = reader.has_assignments = user.has_policy = reader.has_policy = False
    for person in (user, reader):
        with django_assert_num_queries(1):
            assert [(row.scan, row.index) for row in selectors.slices(person)] == places
        with django_assert_num_queries(1):
            found = [(row.slice.index, row.slice.scan, row.prediction.state) for row in selectors.slice_results(person)]
        assert [index for index, *_ in found] == [0, 0, 1, 1]
    assert not selectors.slices(other_user).exists()
    assert not selectors.slice_results(other_user).exists()
