"""What leaves the trash for good: rows, then files, never half of it; the audit trail stays."""

from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import IntegrityError, OperationalError
from django.db.models.fields.files import FieldFile
from django.utils import timezone

from diagnosis.cases import purge, trash
from diagnosis.cases.failures import Unfinished
from diagnosis.cases.tasks import empty_trash
from diagnosis.models import AuditEvent, Case, DiscardedFile, Embedding, Prediction, Review, Scan, Slice, SliceResult
from tests.embeddings import embed
from tests.factories import PredictionFactory, ScanFactory

pytestmark = pytest.mark.django_db


def age(*rows: Any, days: int = 31) -> None:
    """Move the time of deletion back."""
    for row in rows:
        type(row).objects.filter(pk=row.pk).update(deleted=timezone.now() - timedelta(days=days))


def files() -> set[str]:
    """Every file in the storage."""
    found = set()
    for folder in ("scans", "previews"):
        for part in default_storage.listdir(folder)[0]:
            found |= {f"{folder}/{part}/{name}" for name in default_storage.listdir(f"{folder}/{part}")[1]}
    return found


def is_stored(file: FieldFile) -> bool:
    assert file.name is not None
    return default_storage.exists(file.name)


@pytest.fixture
def series(case: Case, model_version: Any) -> Scan:
    """A series of one file in the case, with a result and an embedding; it shows a slice's preview as its own."""
    scan: Scan = ScanFactory(case=case, frames=2, stack="96x96")
    run = PredictionFactory(scan=scan, model_version=model_version)
    embed(run)
    for number in (0, 1):
        row = Slice(scan=scan, index=number, pixel_sha256="0" * 64)
        for field in (row.file, row.preview, row.thumbnail):
            field.save("", ContentFile(b"slice"), save=False)
        row.save()
        SliceResult.objects.create(prediction=run, slice=row, outcome="tumor", tumor_probability=0.9)
    return scan


def test_nothing_goes_before_its_time(case: Case, user: Any) -> None:
    trash.delete_case(case, actor=user)
    age(case, days=29)
    assert purge.purge() == purge.Purged()
    assert Case.objects.count() == 1


def test_a_purged_case_leaves_nothing_but_the_audit_trail(case: Case, series: Scan, user: Any) -> None:
    others = PredictionFactory(scan__case__owner=user, reused_from=Prediction.objects.first())
    kept = {str(file.name) for file in (others.scan.file, others.scan.preview, others.scan.thumbnail)}
    first = case.scans.first()
    assert first is not None
    signed(first, user)
    trash.delete_case(case, actor=user)
    age(case)
    assert purge.purge() == purge.Purged(cases=1, scans=3, files=3 * 3 + 2 * 3)
    assert list(Case.objects.all()) == [others.scan.case]
    assert list(Prediction.objects.all()) == [others]
    others.refresh_from_db()
    assert others.reused_from is None and others.outcome == "tumor"
    for model in (Slice, SliceResult, Embedding, Review, DiscardedFile):
        assert not model.objects.exists()
    assert files() == kept
    event = AuditEvent.objects.get(action="case.purged")
    assert (event.actor, event.actor_id, event.target_id, len(event.details["signed_reviews"])) == (
        "system", None, str(case.pk), 1
    )  # fmt: skip


def signed(scan: Scan, reader: Any, *, days: int = 0) -> Review:
    at = timezone.now() - timedelta(days=days)
    review: Review = Review.objects.create(
        scan=scan, reader=reader, mode="open", state="signed", finding="tumor", pixel_sha256=scan.pixel_sha256,
        committed=at, signed=at, signed_by=reader,
    )  # fmt: skip
    return review


def test_a_purged_scan_leaves_its_case(case: Case, user: Any) -> None:
    first, second = case.scans.order_by("pk")
    trash.delete_scan(first, actor=user)
    age(first)
    assert purge.purge() == purge.Purged(scans=1, files=3)
    assert list(case.scans.all()) == [second]
    assert is_stored(second.preview)


def test_a_file_that_another_scan_shows_stays(case: Case, user: Any) -> None:
    first, second = case.scans.order_by("pk")
    Scan.objects.filter(pk=second.pk).update(preview=first.preview.name)
    trash.delete_scan(first, actor=user)
    age(first)
    assert purge.purge().files == 2
    assert is_stored(first.preview)


def test_a_purge_that_dies_between_rows_and_files_is_finished_by_the_next(
    case: Case, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    trash.delete_case(case, actor=user)
    age(case)
    with monkeypatch.context() as patch:
        patch.setattr("diagnosis.cases.purge.default_storage.delete", killed)
        with pytest.raises(SystemExit):
            purge.purge()
    assert not Case.objects.exists()
    assert len(files()) == DiscardedFile.objects.count() == 6
    assert purge.purge() == purge.Purged(files=6)
    assert files() == set()


def killed(name: str) -> None:
    raise SystemExit(name)


def test_a_purge_that_dies_among_the_rows_changes_nothing(
    case: Case, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    trash.delete_case(case, actor=user)
    age(case)
    with monkeypatch.context() as patch:
        patch.setattr("diagnosis.cases.purge.discard", lambda names: killed("rows"))
        with pytest.raises(SystemExit):
            purge.purge()
    assert (case.scans.count(), Prediction.objects.count(), len(files())) == (2, 2, 6)
    assert not DiscardedFile.objects.exists()


def test_a_file_that_cannot_be_deleted_now_is_tried_again(
    case: Case, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    trash.delete_case(case, actor=user)
    age(case)
    with monkeypatch.context() as patch:
        patch.setattr("diagnosis.cases.purge.default_storage.delete", lambda name: 1 / 0)
        assert purge.purge().files == 0
    assert purge.purge().files == 6


def test_the_time_limit_of_the_task_ends_it(case: Case, user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    trash.delete_case(case, actor=user)
    age(case)

    def late(name: str) -> None:
        raise SoftTimeLimitExceeded

    with monkeypatch.context() as patch:
        patch.setattr("diagnosis.cases.purge.default_storage.delete", late)
        with pytest.raises(SoftTimeLimitExceeded):
            empty_trash()
    assert DiscardedFile.objects.count() == 6


def test_what_was_restored_meanwhile_stays(case: Case, user: Any) -> None:
    trash.delete_case(case, actor=user)
    age(case)
    now = timezone.now()
    found = purge.due_cases(now).get()
    trash.restore_case(case, actor=user)
    assert purge._purge_case(found, now) == 0
    assert case.scans.count() == 2


def in_trash(user: Any, *, count: int) -> list[Case]:
    cases = [PredictionFactory(scan__case__owner=user).scan.case for _ in range(count)]
    for one in cases:
        trash.delete_case(one, actor=user)
    age(*cases)
    return cases


def fail_once(target: str, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first call fails, as for a case that cannot be deleted."""
    module, _, name = target.rpartition(".")
    original = getattr(import_module(module), name)

    def first(*arguments: Any, **named: Any) -> Any:
        monkeypatch.setattr(target, original)
        raise error

    monkeypatch.setattr(target, first)


def test_a_case_that_cannot_be_purged_is_named_and_keeps_no_other(user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = in_trash(user, count=2)
    fail_once("diagnosis.cases.purge.discard", IntegrityError("a rule of its own"), monkeypatch)
    with pytest.raises(Unfinished, match=f"case {first.pk}[.]"):
        empty_trash()
    assert list(Case.objects.all()) == [first]
    assert is_stored(first.scans.get().preview)


def test_a_scan_that_cannot_be_purged_is_named_by_the_command(
    case: Case, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = case.scans.order_by("pk")
    for scan in (first, second):
        trash.delete_scan(scan, actor=user)
    age(first, second)
    fail_once("diagnosis.cases.purge.discard", IntegrityError("a rule of its own"), monkeypatch)
    with pytest.raises(CommandError, match=f"scan {first.pk}[.]"):
        call_command("purge", "--yes")
    assert list(case.scans.all()) == [first]


@pytest.mark.parametrize("error", [OperationalError("away"), SoftTimeLimitExceeded()])
def test_a_database_that_is_away_is_no_fault_of_one_case(
    error: Exception, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_trash(user, count=2)
    fail_once("diagnosis.cases.purge.discard", error, monkeypatch)
    with pytest.raises(type(error)):
        purge.purge()
    assert Case.objects.count() == 2


@pytest.mark.parametrize(("days", "purged"), [(10, 0), (400, 1)])
def test_signed_reviews_can_keep_their_scan(days: int, purged: int, case: Case, user: Any, settings: Any) -> None:
    settings.SIGNED_REVIEW_DAYS = 365
    first = case.scans.first()
    assert first is not None
    signed(first, user, days=days)
    trash.delete_case(case, actor=user)
    age(case)
    assert purge.purge().cases == purged


def test_the_command_tells_first_and_deletes_with_yes(case: Case, user: Any, capsys: Any) -> None:
    scan = PredictionFactory(scan__case__owner=user, scan__name="alone.png").scan
    trash.delete_case(case, actor=user)
    trash.delete_scan(scan, actor=user)
    age(case, scan)
    call_command("purge")
    told = capsys.readouterr().out
    assert "case CA-1 of ada" in told and "scan alone.png" in told and "Nothing was changed" in told
    assert Case.objects.count() == 2
    call_command("purge", "--yes")
    assert "Deleted 1 cases, 3 scans and 9 files." in capsys.readouterr().out
