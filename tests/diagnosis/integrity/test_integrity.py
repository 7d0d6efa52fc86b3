"""A site that was used by its own rules is whole; whatever is broken is found, and only what is safe is mended."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import boto3
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone
from moto import mock_aws

from brainscan import config
from diagnosis import intake, integrity
from diagnosis.cases import purge
from diagnosis.inference import pipeline
from diagnosis.models import AuditEvent, Case, DiscardedFile, Embedding, Prediction, Scan, Slice, SliceResult
from tests import builders
from tests.factories import ScanFactory
from tests.fakes import fake_model

pytestmark = pytest.mark.django_db


@pytest.fixture
def used(user: Any, model_version: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An image, and a series of three slices in two uploads, all judged; one image more waits in the queue."""
    monkeypatch.setattr("diagnosis.inference.model_versions.load", lambda version: fake_model())
    planes = [builders.phantom(64, seed=n) for n in range(3)]
    slices = builders.dicom_series(3, planes=planes, StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.3.4")
    intake.receive(user=user, files=[ContentFile(builders.png_bytes(builders.phantom(64, seed=9)), "a.png")])
    for files in (slices[:2], slices[2:]):
        intake.receive(user=user, files=[ContentFile(data, f"IM{n}") for n, data in enumerate(files)])
        judge()
    intake.receive(user=user, files=[ContentFile(builders.png_bytes(builders.phantom(64, seed=8)), "b.png")])
    purge.delete_files()


@contextmanager
def undone() -> Iterator[None]:
    """Whatever the block does to the database is undone."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def judge() -> None:
    Prediction.objects.update(not_before=None)
    for pk in Prediction.objects.filter(state="queued").values_list("pk", flat=True):
        pipeline.run(prediction_id=pk)


def rules() -> dict[str, int]:
    return {one.rule: len(one.items) for one in integrity.check()}


def single() -> Scan:
    found: Scan = Scan.objects.get(name="a.png")
    return found


def series() -> Scan:
    found: Scan = Scan.objects.get(frames=3)
    return found


def first_slice() -> Slice:
    found = series().slices.first()
    assert found is not None
    return found


def put(name: str, *, hours: int) -> None:
    default_storage.save(name, ContentFile(b"left"))
    at = time.time() - hours * 3600
    os.utime(default_storage.path(name), (at, at))


@pytest.mark.usefixtures("used")
def test_a_site_in_use_is_whole_and_leaves_no_orphan() -> None:
    for folder in Path(default_storage.path("")).rglob("*"):
        os.utime(folder, (1, 1))  # old enough to count
    assert rules() == {}
    assert Prediction.objects.filter(state="done").count() == 2


def _missing() -> None:
    default_storage.delete(str(single().preview.name))


def _empty() -> None:
    Path(default_storage.path(str(first_slice().file.name))).write_bytes(b"")


def _changed() -> None:
    Path(default_storage.path(str(single().file.name))).write_bytes(b"other")


def _numbers() -> None:
    Slice.objects.filter(index=1).update(index=7)


def _lost_slice() -> None:
    Slice.objects.filter(index=2).delete()


def _unclaimed() -> None:
    Prediction.objects.filter(state="queued").update(state="running")


def _one_result_less() -> None:
    SliceResult.objects.filter(slice__index=1).delete()


def _no_audit() -> None:
    ScanFactory(case=single().case)


BROKEN: tuple[tuple[Callable[[], Any], str], ...] = (
    (_numbers, "slice_order"),
    (_lost_slice, "slice_count"),
    (_unclaimed, "running_unclaimed"),
    (_one_result_less, "slice_results"),
    (_no_audit, "audit_missing_scan"),
    (_missing, "file_missing"),
    (_empty, "file_empty"),
    (_changed, "file_changed"),
)


@pytest.mark.usefixtures("used")
def test_damage_that_needs_a_person() -> None:
    """The last three break files, which no rollback undoes."""
    for broken, rule in BROKEN:
        with undone():
            broken()
            assert rules()[rule] == 1, rule
            with pytest.raises(SystemExit) as ended:
                call_command("check_integrity", "--repair", stdout=StringIO())
            assert ended.value.code == 1
            assert rules()[rule] == 1, rule


def _orphan() -> None:
    put("scans/ab/left.bin", hours=2)


def _copy() -> None:
    Prediction.objects.filter(scan=single()).update(in_trash=True)


def _unqueued() -> None:
    Prediction.objects.filter(scan=single()).delete()


def _early() -> None:
    judged = Prediction.objects.first()
    assert judged is not None and judged.model_version is not None
    Embedding.objects.update_or_create(
        prediction=Prediction.objects.get(state="queued"),
        defaults={"model_version": judged.model_version, "vector": bytes(128)},
    )


def _key() -> None:
    Prediction.objects.filter(scan=single()).update(key_slice=first_slice())


def _foreign() -> None:
    SliceResult.objects.create(
        prediction=Prediction.objects.get(scan=single()),
        slice=first_slice(),
        outcome="refused",
    )


def _reading() -> None:
    Scan.objects.filter(pk=single().pk).update(reading="signed")


MENDABLE: tuple[tuple[Callable[[], Any], str], ...] = (
    (_orphan, "file_orphaned"),
    (_copy, "copy_differs"),
    (_unqueued, "scan_without_prediction"),
    (_early, "embedding_early"),
    (_key, "key_slice"),
    (_foreign, "result_of_other_scan"),
    (_reading, "reading_differs"),
)


@pytest.mark.usefixtures("used")
def test_damage_that_is_repaired_on_request() -> None:
    for broken, rule in MENDABLE:
        with undone():
            broken()
            with pytest.raises(SystemExit):
                call_command("check_integrity", stdout=(output := StringIO()))
            assert f"1 × {rule}: " in output.getvalue() and "--repair mends it." in output.getvalue()
            assert rules() == {rule: 1}
            call_command("check_integrity", "--repair", "--json", stdout=(output := StringIO()))
            report = json.loads(output.getvalue())
            assert report["whole"] and [one["mended"] for one in report["findings"]] == [1]
            assert rules() == {}
            assert AuditEvent.objects.get(action="integrity.repaired").details["rule"] == rule


@pytest.mark.usefixtures("used")
def test_files_of_an_upload_under_way_and_discarded_ones_are_left_alone() -> None:
    put("scans/ab/young.bin", hours=0)
    put("scans/ab/old.bin", hours=2)
    DiscardedFile.objects.create(name="scans/ab/old.bin")
    assert rules() == {}


def test_an_empty_site_is_whole() -> None:
    call_command("check_integrity", stdout=(output := StringIO()))
    assert output.getvalue().startswith("All is well")


@pytest.fixture
def bucket(settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="scans")
        s3 = config.storage("s3://scans?region_name=us-east-1", data_dir=tmp_path)
        settings.STORAGES = settings.STORAGES | {"default": s3}
        yield


def test_files_in_a_bucket_are_checked(
    bucket: None, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    request.getfixturevalue("used")
    monkeypatch.setattr("diagnosis.integrity.files.MIN_AGE", timedelta(0))
    assert rules() == {}
    default_storage.save("previews/ab/left.png", ContentFile(b"left"))
    default_storage.delete(str(single().file.name))
    assert rules() == {"file_missing": 1, "file_orphaned": 1}


def test_a_case_that_nobody_opened_is_named(user: Any) -> None:
    case = Case.objects.create(owner=user, reference="X", created=timezone.now())
    [finding] = integrity.check()
    assert (finding.rule, finding.items) == ("audit_missing_case", (str(case.pk),))
