"""A prediction's copy of its owner follows the case and the user.

The verification suite runs this file again on PostgreSQL, where writers can overlap.
"""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.test import Client

from diagnosis.access import ownership, selectors, sharing
from diagnosis.inference import transitions
from diagnosis.models import Assignment, AuditEvent, Case, Prediction, Scan
from tests.factories import CaseFactory, PredictionFactory, ScanFactory, UserFactory
from tests.overlapping import Beside, Meanwhile, overlapping

pytestmark = pytest.mark.django_db


def owner_of(prediction: Prediction) -> tuple[str, str]:
    row = Prediction.objects.select_related("owner").get(pk=prediction.pk)
    return row.owner.username, row.owner_name


def begin(scan: Scan) -> Prediction:
    """Queue a prediction as an upload does."""
    with transaction.atomic():
        ownership.lock(scan.case.owner)
        return transitions.create(scan, model_version=None, requested_by=scan.case.owner)


def test_a_case_is_handed_over_with_its_predictions_and_no_others(user: User, other_user: User) -> None:
    given, kept = (PredictionFactory(scan__case__owner=user) for _ in range(2))
    again = PredictionFactory(scan=given.scan, state="failed")
    case = given.scan.case
    ownership.hand_over(case, to=other_user, actor=user)
    assert case.owner == other_user
    assert {owner_of(row) for row in (given, again)} == {("grace", "grace")}
    assert owner_of(kept) == ("ada", "ada")
    assert set(selectors.predictions(other_user)) == {given, again}
    assert set(selectors.predictions(user)) == {kept}
    event = AuditEvent.objects.get(action="case.handed_over")
    assert (event.actor, event.target, event.details) == ("ada", str(case), {"former_owner": "ada", "owner": "grace"})


def test_a_case_that_was_read_before_another_hand_over(user: User, other_user: User, admin: User) -> None:
    """The present owner is locked and named in the audit trail, not the one who had the case when it was read."""
    prediction = PredictionFactory(scan__case__owner=user)
    stale = prediction.scan.case
    ownership.hand_over(Case.objects.get(pk=stale.pk), to=other_user)
    ownership.hand_over(stale, to=admin)
    assert owner_of(prediction) == ("root", "root")
    events = AuditEvent.objects.filter(action="case.handed_over").order_by("-id")
    assert events[0].details == {"former_owner": "grace", "owner": "root"}


def test_the_new_owner_is_no_assignee_any_more_but_others_are(user: User, other_user: User, reader: User) -> None:
    case, kept = CaseFactory(owner=user), CaseFactory(owner=user)
    for one, person in ((case, other_user), (case, reader), (kept, other_user)):
        sharing.assign(one, to=sharing.Assignee(user=person), actor=user)
    ownership.hand_over(case, to=other_user, actor=user)
    assert set(Assignment.objects.values_list("case", "user")) == {(case.pk, reader.pk), (kept.pk, other_user.pk)}
    event = AuditEvent.objects.get(action="case.unassigned")
    assert (event.actor, event.target_id, event.details) == ("ada", str(case.pk), {"to": "grace"})


def test_a_case_that_was_read_before_its_hand_over_is_not_assigned_to_its_owner(user: User, other_user: User) -> None:
    stale = CaseFactory(owner=user)
    ownership.hand_over(Case.objects.get(pk=stale.pk), to=other_user, actor=user)
    with pytest.raises(sharing.SharingForbidden):
        sharing.assign(stale, to=sharing.Assignee(user=other_user), actor=user)
    with pytest.raises(sharing.SharingError, match="grace owns this case already"):
        sharing.assign(stale, to=sharing.Assignee(user=other_user), actor=other_user)
    assert not Assignment.objects.exists()


def test_a_reference_that_the_new_owner_uses_already_changes_nothing(user: User, other_user: User) -> None:
    prediction = PredictionFactory(scan__case__owner=user)
    case = prediction.scan.case
    CaseFactory(owner=other_user, reference=case.reference)
    with pytest.raises(IntegrityError), transaction.atomic():
        ownership.hand_over(case, to=other_user)
    assert case.owner == Case.objects.get(pk=case.pk).owner == user
    assert owner_of(prediction) == ("ada", "ada")
    assert not AuditEvent.objects.filter(action="case.handed_over").exists()


def test_an_admin_renames_a_user(client: Client, admin: User, user: User, other_user: User) -> None:
    renamed, other = (PredictionFactory(scan__case__owner=owner) for owner in (user, other_user))
    client.force_login(admin)
    fields = {"username": "lovelace", "date_joined_0": "2025-01-01", "date_joined_1": "00:00", "is_active": "on"}
    assert client.post(f"/admin/auth/user/{user.pk}/change/", fields).status_code == 302
    assert owner_of(renamed) == ("lovelace", "lovelace")
    assert owner_of(other) == ("grace", "grace")


def test_saving_other_fields_of_a_user_costs_one_query(user: User, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        user.save(update_fields=["last_login"])


def test_a_prediction_begins_with_the_present_owner(user: User, other_user: User) -> None:
    """The scan was read before its case changed hands, as in an upload of many files."""
    scan = ScanFactory(case__owner=user)
    assert scan.case.owner == user
    ownership.hand_over(Case.objects.get(pk=scan.case_id), to=other_user)
    other_user.username = "renamed"
    other_user.save()
    assert owner_of(transitions.create(scan, model_version=None, requested_by=user)) == ("renamed", "renamed")


def renames(user: User) -> Callable[[], None]:
    def rename() -> None:
        user.username = "renamed"
        user.save()

    return rename


class TestOverlappingWriters:
    pytestmark = overlapping

    def test_a_hand_over_waits_for_an_upload(self) -> None:
        scan, heir = ScanFactory(), UserFactory()
        with transaction.atomic():
            prediction = begin(scan)
            case = Case.objects.get(pk=scan.case_id)
            other = Meanwhile(lambda: ownership.hand_over(case, to=heir))
        other.result()
        assert owner_of(prediction) == (heir.username, heir.username)

    def test_an_upload_waits_for_a_hand_over(self) -> None:
        scan, heir = ScanFactory(), UserFactory()
        begun: list[Prediction] = []
        with transaction.atomic():
            ownership.hand_over(Case.objects.get(pk=scan.case_id), to=heir)
            other = Meanwhile(lambda: begun.append(begin(scan)))
        other.result()
        assert owner_of(begun[0]) == (heir.username, heir.username)

    def test_a_rename_waits_for_an_upload(self) -> None:
        scan = ScanFactory()
        user = User.objects.get(pk=scan.case.owner_id)
        with transaction.atomic():
            prediction = begin(scan)
            other = Meanwhile(renames(user))
        other.result()
        assert owner_of(prediction) == ("renamed", "renamed")

    def test_an_upload_waits_for_a_rename(self) -> None:
        scan = ScanFactory()
        begun: list[Prediction] = []
        with transaction.atomic():
            renames(User.objects.get(pk=scan.case.owner_id))()
            other = Meanwhile(lambda: begun.append(begin(scan)))
        other.result()
        assert owner_of(begun[0]) == ("renamed", "renamed")

    @pytest.mark.parametrize("renamed_first", [True, False])
    def test_a_hand_over_and_a_rename_of_the_new_owner(self, renamed_first: bool) -> None:
        prediction, heir = PredictionFactory(), UserFactory()
        case = Case.objects.get(pk=prediction.scan.case_id)

        def hand_over() -> None:
            ownership.hand_over(case, to=heir)

        rename = renames(User.objects.get(pk=heir.pk))
        first, second = (rename, hand_over) if renamed_first else (hand_over, rename)
        with transaction.atomic():
            first()
            other = Meanwhile(second)
        other.result()
        assert owner_of(prediction) == ("renamed", "renamed")

    def test_a_log_in_does_not_wait_for_a_prediction_that_begins(self) -> None:
        scan = ScanFactory()

        def log_in() -> None:
            user = User.objects.get(pk=scan.case.owner_id)
            user.last_login = user.date_joined
            user.save(update_fields=["last_login"])

        with transaction.atomic():
            transitions.create(scan, model_version=None, requested_by=scan.case.owner)
            Beside(log_in).result()
