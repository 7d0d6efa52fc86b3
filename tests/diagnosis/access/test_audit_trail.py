"""Who may read the audit trail, and that its filters find what an auditor asks for."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.http import QueryDict

from diagnosis.access import audit, audit_trail
from diagnosis.models import Prediction, ReadingPolicy
from tests.factories import PredictionFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def auditor(db: None) -> User:
    person = UserFactory(username="auditor", is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="view_auditevent"))
    return person


def found(user: User, query: str) -> list[str]:
    chosen = audit_trail.AuditFilter(QueryDict(query), queryset=audit_trail.events(user))
    assert chosen.is_valid(), chosen.errors
    return [event.action for event in chosen.qs.order_by("pk")]


@pytest.fixture
def prediction(user: User, other_user: User) -> Prediction:
    """With events about it, its scan and its case, by name and in lists."""
    run: Prediction = PredictionFactory(scan__case__owner=user)
    other = PredictionFactory()
    audit.record("case.opened", actor=user, target=run.scan.case)
    audit.record("scan.uploaded", actor=user, target=run.scan)
    audit.record("result.viewed", actor=other_user, target=run)
    audit.record_disclosure("results.viewed", actor=other_user, predictions=[run.pk, other.pk], details={})
    audit.record_disclosure("results.viewed", actor=user, predictions=[other.pk], details={})
    audit.record("result.viewed", actor=user, target=other)
    return run


def test_an_object_is_found_wherever_its_result_was_told(auditor: User, prediction: Prediction) -> None:
    assert found(auditor, f"kind=prediction&key={prediction.pk}") == ["result.viewed", "results.viewed"]
    of_scan = ["scan.uploaded", "result.viewed", "results.viewed"]
    assert found(auditor, f"kind=scan&key={prediction.scan_id}") == of_scan
    assert found(auditor, f"kind=case&key={prediction.scan.case_id}") == ["case.opened", *of_scan]


def test_a_deleted_prediction_is_still_found(auditor: User, prediction: Prediction) -> None:
    key = prediction.pk
    prediction.delete()
    assert found(auditor, f"kind=prediction&key={key}") == ["result.viewed", "results.viewed"]


def test_filters_narrow_each_other(auditor: User, prediction: Prediction) -> None:
    assert found(auditor, "actor=grace") == ["result.viewed", "results.viewed"]
    assert found(auditor, "action=result") == ["result.viewed", "results.viewed", "results.viewed", "result.viewed"]
    assert found(auditor, f"actor=ada&kind=prediction&key={prediction.pk}") == []
    assert found(auditor, "kind=scan") == ["scan.uploaded"]
    assert found(auditor, f"key={prediction.scan_id}&action=scan") == ["scan.uploaded"]
    assert found(auditor, "at_before=2001-01-01") == []


@pytest.mark.parametrize("key", ["x", "-1", "9" * 30, "٣", "1 OR 1"])
def test_an_invalid_id_finds_nothing(key: str, auditor: User, prediction: Prediction) -> None:
    assert found(auditor, f"kind=case&key={key}") == []


def test_staff_who_read_blind_first_see_no_lists_of_others(auditor: User, user: User, prediction: Prediction) -> None:
    """Their filters tell what the model says of the scans that they name."""
    for person in (user, auditor):
        told = {"rows": 1, "filters": {"outcome": ["tumor"]}}
        audit.record_disclosure("list.exported", actor=person, predictions=[prediction.pk], details=told)
    assert found(auditor, "action=list") == ["list.exported", "list.exported"]
    auditor.groups.add(ReadingPolicy.objects.create(group=Group.objects.create(name="study"), mode="blind_first").group)
    assert [event.actor for event in audit_trail.events(auditor) if event.action == "list.exported"] == ["auditor"]
    assert found(auditor, f"kind=prediction&key={prediction.pk}&actor=ada") == []


def test_only_staff_with_the_permission_read_it(user: User, reader: User, admin: User, auditor: User) -> None:
    audit.record("case.opened")
    plain = UserFactory(is_staff=True)
    lent = UserFactory()
    lent.user_permissions.add(Permission.objects.get(codename="view_auditevent"))
    for person in (user, reader, plain, lent):
        assert not audit_trail.events(person).exists()
    for person in (admin, auditor):
        assert audit_trail.events(person).exists()
