"""Cases that nobody touches go to the trash by themselves, if the site says so."""

from datetime import timedelta
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import IntegrityError
from django.utils import timezone

from diagnosis.access import audit, ownership
from diagnosis.cases import housekeeping, retention, trash
from diagnosis.cases.failures import Unfinished
from diagnosis.models import AuditEvent, Case, Prediction, Scan
from tests.factories import ScanFactory

pytestmark = pytest.mark.django_db

OLD = timedelta(days=400)


@pytest.fixture
def old(case: Case, settings: Any) -> Case:
    """The case, its scans and their results are 400 days old; the site keeps cases for a year."""
    settings.RETENTION_DAYS = 365
    at = timezone.now() - OLD
    Case.objects.update(created=at)
    Scan.objects.update(created=at)
    Prediction.objects.update(queued=at, created=at)
    return case


def test_without_the_setting_everything_is_kept(old: Case, settings: Any) -> None:
    settings.RETENTION_DAYS = 0
    assert retention.expire() == 0


def test_an_expired_case_goes_to_the_trash_by_the_system(old: Case) -> None:
    housekeeping.run()
    old.refresh_from_db()
    assert old.deleted is not None and old.deleted_by is None
    event = AuditEvent.objects.get(action="case.deleted")
    assert (event.actor, event.actor_id) == ("system", None)


@pytest.mark.parametrize("what", ["case", "scan", "prediction"])
def test_a_look_at_it_is_activity(what: str, old: Case, user: Any) -> None:
    targets = {"case": old, "scan": old.scans.first(), "prediction": Prediction.objects.first()}
    audit.record("result.viewed", actor=user, target=targets[what])
    assert list(retention.expired(timezone.now())) == []
    assert list(retention.expired(timezone.now() + timedelta(days=366))) == [old]


def test_a_new_scan_or_run_is_activity(old: Case) -> None:
    run, scan = Prediction.objects.first(), old.scans.first()
    assert run is not None and scan is not None
    Prediction.objects.filter(pk=run.pk).update(queued=timezone.now())
    assert retention.expire() == 0
    Prediction.objects.update(queued=timezone.now() - OLD)
    Scan.objects.filter(pk=scan.pk).update(created=timezone.now())
    assert retention.expire() == 0


def test_a_restored_case_has_its_time_again(old: Case, user: Any) -> None:
    assert retention.expire() == 1
    trash.restore_case(old, actor=user)
    assert retention.expire() == 0


@pytest.mark.parametrize("what", ["scan", "event", "run"])
def test_what_is_done_meanwhile_keeps_the_case(
    what: str, old: Case, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upload holds the owner's lock, for which the retention waits."""
    lock = ownership.lock

    def late(*users: Any) -> Any:
        monkeypatch.setattr(ownership, "lock", lock)
        if what == "scan":
            ScanFactory(case=old)
        elif what == "event":
            audit.record("case.noted", actor=user, target=old)
        else:
            run = Prediction.objects.first()
            assert run is not None
            Prediction.objects.filter(pk=run.pk).update(queued=timezone.now())
        return lock(*users)

    monkeypatch.setattr(ownership, "lock", late)
    assert retention.expire() == 0
    assert Case.objects.get(pk=old.pk).deleted is None


def aged(*, count: int) -> list[Case]:
    cases = [ScanFactory().case for _ in range(count)]
    Scan.objects.update(created=timezone.now() - OLD)
    Case.objects.update(created=timezone.now() - OLD)
    return cases


def test_runs_that_the_time_limit_ends_do_not_all_look_at_the_same_cases(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RETENTION_DAYS = 365
    looked_at: set[Case] = set()

    def slow(case: Case, since: Any) -> bool:
        looked_at.add(case)
        raise SoftTimeLimitExceeded

    cases = aged(count=2)
    monkeypatch.setattr(retention, "_has_events", slow)
    for _ in range(64):  # begins at one of two: that all are the same has a chance of 2 ** -63
        with pytest.raises(SoftTimeLimitExceeded):
            retention.expire()
    assert looked_at == set(cases)


@pytest.mark.parametrize("first", [0, 1, 5])
def test_wherever_it_begins_it_finds_all(first: int, settings: Any) -> None:
    settings.RETENTION_DAYS = 365
    cases = aged(count=3)
    begin = first % 3
    assert list(retention.expired(timezone.now(), first=first)) == cases[begin:] + cases[:begin]


def test_a_case_that_cannot_be_moved_is_named_and_keeps_no_other(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RETENTION_DAYS = 365
    bad, _ = aged(count=2)
    delete = trash.delete_case

    def fail(case: Case, *, actor: Any) -> None:
        if case == bad:
            raise IntegrityError("a rule of its own")
        delete(case, actor=actor)

    monkeypatch.setattr(trash, "delete_case", fail)
    with pytest.raises(Unfinished, match=f"case {bad.pk}[.]"):
        housekeeping.run()
    assert list(Case.objects.filter(deleted=None)) == [bad]


def test_a_retention_that_meets_the_time_limit_keeps_nothing_from_its_purge(
    old: Case, user: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TRASH_DAYS = 30
    trash.delete_case(old, actor=user)
    Case.objects.update(deleted=timezone.now() - timedelta(days=31))

    def slow(failures: Any) -> int:
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(retention, "expire", slow)
    with pytest.raises(SoftTimeLimitExceeded):
        housekeeping.run()
    assert not Case.objects.exists()
