"""Who sees what: decided in one place, held for every kind of object."""

from collections.abc import Callable, Iterable
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import AnonymousUser, Group
from django.utils import timezone

from diagnosis.access import selectors
from diagnosis.models import Assignment, Prediction, Slice, SliceResult, UploadPreview, UploadRow
from diagnosis.models.prediction import State
from tests.factories import CaseFactory, ModelVersionFactory, PredictionFactory, ReviewFactory, ScanFactory

pytestmark = pytest.mark.django_db


def annotated(rows: Iterable[Any]) -> list[Any]:
    """Rows with what their query adds to them, which their classes do not declare."""
    return list(rows)


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
    ReviewFactory(scan=scan, reader=user)
    for person in (user, reader, admin):
        assert not selectors.predictions(person).exists()
        assert not selectors.statuses(person, prediction_ids=[gone.pk]).exists()
        assert not selectors.scans(person).exists()
        assert not selectors.case_scans(person, case=scan.case).exists()
        assert not selectors.slices(person).exists()
        assert not selectors.slice_results(person).exists()
        assert not selectors.reviews(person).exists()
        assert [case.scan_count for case in annotated(selectors.cases(person))] == ([0] if what == "scan" else [])


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
    statuses = annotated(selectors.statuses(user, prediction_ids=[first.pk, second.pk]))
    positions = {p.pk: p.position for p in statuses}
    assert positions == {first.pk: 1, second.pk: 2}


def test_a_case_tells_how_many_scans_it_has(user: Any, mine: Any) -> None:
    empty = CaseFactory(owner=user)
    ScanFactory(case=mine.scan.case)
    cases = annotated(selectors.cases(user))
    assert {case.pk: case.scan_count for case in cases} == {mine.scan.case.pk: 2, empty.pk: 0}


def test_any_number_of_statuses_costs_one_query(user: Any, django_assert_num_queries: Any) -> None:
    ids = [PredictionFactory(state="queued", scan__case__owner=user).pk for _ in range(12)]
    user.is_reader = user.has_assignments = user.has_policy = False  # as the user of a request is loaded
    with django_assert_num_queries(1):
        assert [p.scan.case.owner.username for p in selectors.statuses(user, prediction_ids=ids)] == ["ada"] * 12


def test_adjacent_predictions_follow_the_order_of_the_case(user: Any) -> None:
    case, other = CaseFactory(owner=user), CaseFactory(owner=user)
    a, _, b, _, c = (PredictionFactory(scan=ScanFactory(case=one)) for one in (case, other, case, other, case))
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
        scans = annotated(selectors.case_scans(user, case=case))
        labels = [[run.model_version.label for run in scan.history] for scan in scans]
    assert scans == [first, second]
    assert labels == [[new.model_version.label, old.model_version.label], []]


def test_a_list_of_predictions_never_loads_a_manifest(user: Any) -> None:
    """It is hundreds of kilobytes, and one for each row."""
    case = CaseFactory(owner=user)
    PredictionFactory(scan__case=case)
    [scan] = annotated(selectors.case_scans(user, case=case))
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


def as_loaded(person: Any, *, is_reader: bool = False, has_assignments: bool = False) -> Any:
    """The person as the user of a request is loaded: no rule needs a query of its own."""
    person.is_reader, person.has_assignments, person.has_policy = is_reader, has_assignments, False
    return person


def with_everything(owner: Any, reader: Any) -> Prediction:
    """A prediction with a slice and its result, a review by `reader` and an assignment to them."""
    run: Prediction = PredictionFactory(scan=ScanFactory(case__owner=owner, frames=1))
    row = Slice.objects.create(scan=run.scan, index=0, pixel_sha256="a" * 64)
    SliceResult.objects.create(prediction=run, slice=row, outcome="tumor", tumor_probability=0.9, vector=bytes(128))
    Prediction.objects.filter(pk=run.pk).update(key_slice=row)
    ReviewFactory(scan=run.scan, reader=reader)
    Assignment.objects.create(case=run.scan.case, user=reader, assigned_by=owner)
    return run


NAMED: dict[str, tuple[Callable[[Any], Any], Callable[[Any], object]]] = {
    "cases": (selectors.cases, lambda row: row.owner.username),
    "assignments": (selectors.assignments, lambda row: (str(row), row.group, row.assigned_by.username)),
    "scans": (selectors.scans, lambda row: row.case.owner.username),
    "predictions": (
        selectors.predictions,
        lambda row: (row.scan.case.owner.username, row.model_version.label, row.key_slice.index),
    ),
    "slices": (selectors.slices, lambda row: row.scan.name),
    "slice results": (selectors.slice_results, lambda row: (row.slice.scan.name, row.prediction.state)),
    "reviews": (selectors.reviews, lambda row: (row.scan.case.owner.username, row.reader.username)),
}


@pytest.mark.parametrize("name", NAMED)
def test_what_rows_name_comes_with_them(name: str, user: Any, other_user: Any, django_assert_num_queries: Any) -> None:
    for _ in range(3):
        with_everything(user, other_user)
    rows, names = NAMED[name]
    as_loaded(user)
    with django_assert_num_queries(1):
        assert len([names(row) for row in rows(user)]) == 3


def test_assignments_to_a_group_name_it_without_a_query(user: Any, django_assert_num_queries: Any) -> None:
    group = Group.objects.create(name="neuro")
    for _ in range(2):
        Assignment.objects.create(case=CaseFactory(owner=user), group=group)
    as_loaded(user)
    with django_assert_num_queries(1):
        assert [row.assignee for row in selectors.assignments(user)] == ["group neuro"] * 2


def test_assignments_are_those_of_cases_one_sees_oldest_first(user: Any, other_user: Any, reader: Any) -> None:
    first, second = (with_everything(user, other_user).scan.case for _ in range(2))
    hidden = with_everything(reader, user).scan.case
    hidden.deleted = timezone.now()
    hidden.save()
    for person in (user, other_user, reader):
        assert [row.case for row in selectors.assignments(person)] == [first, second]
    Assignment.objects.filter(case=second).delete()
    assert [row.case for row in selectors.assignments(other_user)] == [first]


@pytest.mark.parametrize("person", ["anonymous", "deactivated"])
def test_an_assignment_shows_nothing_to_who_may_not_log_in(person: str, user: Any, other_user: Any) -> None:
    run = with_everything(user, other_user)
    group = Group.objects.create(name="neuro")
    other_user.groups.add(group)
    Assignment.objects.create(case=run.scan.case, group=group)
    other_user.is_active = False
    nobody = AnonymousUser() if person == "anonymous" else other_user
    lists = [rows for name, (rows, _) in NAMED.items() if name != "reviews" or person == "anonymous"]
    assert [row for rows in lists for row in rows(nobody)] == []
    assert list(selectors.visible_owners(nobody)) == []
    assert selectors.assigned_cases(AnonymousUser()) == []


def test_who_sees_all_of_whom(user: Any, other_user: Any, reader: Any, admin: Any) -> None:
    everybody = {user.pk, other_user.pk, reader.pk, admin.pk}
    assert set(selectors.visible_owners(reader)) == set(selectors.visible_owners(admin)) == everybody
    user.groups.add(Group.objects.create(name="neuro"))
    assert list(selectors.visible_owners(user)) == [user.pk]
    assert (selectors.is_reader(reader), selectors.is_reader(user)) == (True, False)
    assert (selectors.is_reader(as_loaded(reader)), selectors.is_reader(as_loaded(user, is_reader=True))) == (
        False,
        True,
    )


def test_assigned_cases_cost_no_query_without_any(user: Any, other_user: Any, django_assert_num_queries: Any) -> None:
    CaseFactory()  # so that a case and its assignment have not the same id
    run = with_everything(user, other_user)
    assert selectors.assigned_cases(other_user) == [run.scan.case_id]
    with django_assert_num_queries(0):
        assert selectors.assigned_cases(as_loaded(user)) == []


def test_results_bring_each_manifest_once_oldest_scan_first(
    user: Any, mine: Any, others: Any, django_assert_num_queries: Any
) -> None:
    second = PredictionFactory(scan__case__owner=user, model_version=mine.model_version)
    first_again = PredictionFactory(scan=mine.scan)
    PredictionFactory(scan__case__owner=user)  # not asked for
    as_loaded(user)
    ids = (row.pk for row in (second, first_again, others))
    with django_assert_num_queries(2):
        rows = annotated(selectors.results(user, prediction_ids=ids))
        assert [row.model_version.manifest["threshold"] for row in rows] == [0.5, 0.5]
        assert {row.scan.case.owner.username for row in rows} == {"ada"}
    assert rows == [first_again, second]


def test_results_bring_their_key_slices(user: Any, other_user: Any, django_assert_num_queries: Any) -> None:
    ids = [with_everything(user, other_user).pk for _ in range(2)]
    as_loaded(user)
    with django_assert_num_queries(2):
        assert [row.key_slice.index for row in selectors.results(user, prediction_ids=ids) if row.key_slice] == [0, 0]


def test_one_result_brings_its_manifest_and_its_position(user: Any, django_assert_num_queries: Any) -> None:
    PredictionFactory(state="queued")
    asked = PredictionFactory(state="queued", scan__case__owner=user)
    as_loaded(user)
    with django_assert_num_queries(1):
        [found] = annotated(selectors.result(user, prediction_id=asked.pk))
        assert (found, found.position, found.model_version.manifest["threshold"]) == (asked, 2, 0.5)


def test_the_newest_prediction_of_each_scan_of_one_case(user: Any, mine: Any, others: Any) -> None:
    second = PredictionFactory(scan__case=mine.scan.case)
    newest = PredictionFactory(scan=mine.scan, state="failed")
    PredictionFactory(scan__case__owner=user)
    assert list(selectors.newest_predictions(user, case=mine.scan.case)) == [newest, second]
    assert not selectors.newest_predictions(user, case=others.scan.case).exists()


def test_a_prediction_tells_whether_it_is_assigned(user: Any, other_user: Any, reader: Any) -> None:
    with_everything(user, other_user)
    PredictionFactory(scan__case__owner=user)
    assert [row.assigned for row in annotated(selectors.predictions(reader))] == [False, False]
    Assignment.objects.filter(user=other_user).update(user=reader)
    assert [row.assigned for row in annotated(selectors.predictions(reader))] == [False, True]


def test_results_of_slices_come_without_their_vectors(user: Any, other_user: Any) -> None:
    with_everything(user, other_user)
    [row] = selectors.slice_results(user)
    assert row.get_deferred_fields() == {"vector"}


def test_a_draft_is_its_readers_alone(user: Any, other_user: Any, admin: Any) -> None:
    signed = with_everything(user, other_user)
    draft = ReviewFactory(scan=signed.scan, reader=user, state="draft")
    for person, drafts in ((user, [draft]), (other_user, []), (admin, [])):
        assert [row for row in selectors.reviews(person) if row.state == "draft"] == drafts
        assert selectors.reviews(person).count() == 1 + len(drafts)


def test_an_upload_list_is_seen_by_its_person_alone(user: Any, other_user: Any, reader: Any, admin: Any) -> None:
    older, newer, _ = (UploadRow.objects.create(user=person, key=uuid4()) for person in (user, user, other_user))
    UploadPreview.objects.create(row=older, data=b"jpeg")
    rows = annotated(selectors.upload_rows(user))
    assert [(row, row.has_preview) for row in rows] == [(newer, False), (older, True)]
    user.is_active = False
    for person in (user, reader, admin, AnonymousUser()):
        assert not selectors.upload_rows(person).exists()


def test_every_model_version_is_listed() -> None:
    versions = {ModelVersionFactory(), ModelVersionFactory(active=True)}
    assert set(selectors.models()) == versions


def test_neither_neighbor_of_a_scan_that_has_left_its_case(user: Any, mine: Any) -> None:
    PredictionFactory(scan__case=mine.scan.case)
    mine.scan.deleted = timezone.now()
    mine.scan.save()
    assert selectors.adjacent(mine) == (None, None)
