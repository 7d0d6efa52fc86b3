"""A scan that moves takes its results along; what is repeated of its case follows."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from diagnosis.access import selectors, sharing
from diagnosis.cases import moving, trash
from diagnosis.cases.errors import CaseForbidden, CaseRefused
from diagnosis.models import Assignment, AuditEvent, Case, Prediction, Scan
from tests.factories import CaseFactory, PredictionFactory, ScanFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def scan(case: Case) -> Scan:
    found = case.scans.order_by("pk").first()
    assert found is not None
    return found


def refused(scan: Scan, to: Case, actor: Any) -> str:
    with pytest.raises(CaseRefused) as error:
        moving.move(scan, to=to, actor=actor)
    return error.value.code


def test_predictions_follow(case: Case, scan: Scan, user: Any) -> None:
    target = CaseFactory(owner=user, reference="CA-2")
    moving.move(scan, to=target, actor=user)
    run = selectors.predictions(user).get(scan=scan)
    assert (run.case_reference, run.owner, run.scan.case) == ("CA-2", user, target)
    assert "CA-2" in run.searched
    assert case.scans.count() == 1
    event = AuditEvent.objects.get(action="scan.moved")
    details = {"former": "CA-1", "case": "CA-2", "former_id": case.pk, "case_id": target.pk}
    assert (event.actor, event.target_id, event.details) == ("ada", str(scan.pk), details)


def test_an_administrator_moves_it_to_another_owner(scan: Scan, user: Any, other_user: Any, admin: Any) -> None:
    target = CaseFactory(owner=other_user)
    with pytest.raises(CaseForbidden):
        moving.move(scan, to=target, actor=user)
    moving.move(scan, to=target, actor=admin)
    run = Prediction.objects.get(scan=scan)
    assert (run.owner, run.owner_name) == (other_user, "grace")
    assert not selectors.scans(user).filter(pk=scan.pk).exists()


def test_a_scan_leaves_its_cases_assignments_behind(
    case: Case, scan: Scan, user: Any, other_user: Any, admin: Any
) -> None:
    """They name the case: whoever gets the scan owns it there, and still reads what is left of the other case."""
    sharing.assign(case, to=sharing.Assignee(user=other_user), actor=user)
    moving.move(scan, to=CaseFactory(owner=other_user), actor=admin)
    assert list(Assignment.objects.values_list("case", "user")) == [(case.pk, other_user.pk)]
    assert {found.case_id for found in selectors.scans(other_user)} == {case.pk, Scan.objects.get(pk=scan.pk).case_id}


@pytest.mark.parametrize("who", ["reader", "other_user"])
def test_others_may_not(who: str, scan: Scan, user: Any, request: Any) -> None:
    with pytest.raises(CaseForbidden):
        moving.move(scan, to=CaseFactory(owner=user), actor=request.getfixturevalue(who))


def test_conditions_that_forbid_it(case: Case, scan: Scan, user: Any) -> None:
    assert refused(scan, case, user) == "same_case"
    assert refused(scan, CaseFactory(owner=user, simulated=True), user) == "simulated"
    target = CaseFactory(owner=user)
    same = ScanFactory(case=target, pixel_sha256=scan.pixel_sha256, name="copy.png")
    assert refused(scan, target, user) == "already_there"
    trash.delete_scan(same, actor=user)
    assert refused(scan, target, user) == "already_there"
    trash.delete_case(target, actor=user)
    assert refused(scan, target, user) == "case_in_trash"
    trash.delete_scan(scan, actor=user)
    assert refused(scan, CaseFactory(owner=user), user) == "gone"
    assert not AuditEvent.objects.filter(action="scan.moved").exists()


def test_a_series_that_still_arrives_stays(case: Case, user: Any, model_version: Any) -> None:
    soon = timezone.now() + timedelta(hours=1)
    run = PredictionFactory(scan__case=case, scan__stack="96x96", state="queued", not_before=soon)
    target = CaseFactory(owner=user)
    assert refused(run.scan, target, user) == "still_arriving"
    Prediction.objects.filter(pk=run.pk).update(not_before=timezone.now())
    moving.move(run.scan, to=target, actor=user)


def test_by_reference(case: Case, scan: Scan, user: Any, other_user: Any) -> None:
    CaseFactory(owner=other_user, reference="CA-9")
    for reference, code in (("CA-9", "unknown_case"), ("no name", "invalid_reference")):
        with pytest.raises(CaseRefused) as error:
            moving.move_by_reference(scan, reference=reference, actor=user)
        assert error.value.code == code
    target = moving.move_by_reference(scan, reference=" CA-9 ", actor=user, open_new=True)
    assert (target.reference, target.owner) == ("CA-9", user)
    assert list(target.scans.all()) == [scan]
    assert moving.move_by_reference(case.scans.get(), reference="CA-9", actor=user) == target
