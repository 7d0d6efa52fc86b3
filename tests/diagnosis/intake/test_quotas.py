"""Nobody stores more than their quota, however many uploads come at once; the refusal names the rule."""

from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client

from diagnosis import intake
from diagnosis.dicom import ingest
from diagnosis.intake import quotas
from diagnosis.models import Scan, StorageQuota
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _small_megabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quota of 1 holds one image of about 1,500 bytes, and not two."""
    monkeypatch.setattr(quotas, "_MEGABYTE", len(image(0)) * 3 // 2)


def image(seed: int) -> bytes:
    return builders.png_bytes(builders.phantom(96, seed=seed))


def send(user: Any, *seeds: int) -> tuple[list[str], list[str]]:
    """Names of what was taken, and codes of what was not."""
    files = [ContentFile(image(seed), f"{seed}.png") for seed in seeds]
    receipt = intake.receive(user=user, files=files)
    return [one.name for one in receipt.accepted], [one.code for one in receipt.rejected]


def test_without_a_quota_nothing_is_counted(user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotas, "used", lambda user: pytest.fail("counted for nothing"))
    assert send(user, 1, 2) == (["1.png", "2.png"], [])


def test_the_sites_quota_is_each_persons(user: Any, other_user: Any, settings: Any) -> None:
    settings.USER_QUOTA_MB = 1
    assert send(user, 1, 2) == (["1.png"], ["storage_quota"])
    assert send(user, 3) == ([], ["storage_quota"])
    assert send(user, 1) == (["1.png"], [])  # known already: nothing is stored
    assert send(other_user, 1, 2) == (["1.png"], ["storage_quota"])
    Scan.objects.filter(case__owner=user).update(size=1)
    assert send(user, 3) == (["3.png"], [])


def test_a_persons_own_quota_takes_its_place(user: Any, settings: Any) -> None:
    settings.USER_QUOTA_MB = 1
    own = StorageQuota.objects.create(user=user, megabytes=0)
    assert send(user, 1, 2) == (["1.png", "2.png"], [])
    StorageQuota.objects.filter(pk=own.pk).update(megabytes=1)
    receipt = intake.receive(user=user, files=[ContentFile(image(3), "3.png")])
    assert receipt.rejected[0].detail.startswith("Your storage quota is 1 MB, of which ")


def test_one_upload_has_its_quota(user: Any, settings: Any) -> None:
    settings.REQUEST_QUOTA_MB = 1
    assert send(user, 1, 2) == (["1.png"], ["request_quota"])
    assert send(user, 2) == (["2.png"], [])


def test_a_series_counts_as_a_whole(user: Any, settings: Any) -> None:
    planes = [builders.phantom(64, seed=n) for n in range(3)]
    slices = builders.dicom_series(3, planes=planes, StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.3.4")
    settings.USER_QUOTA_MB = 1
    files = [ContentFile(data, f"IM{n}") for n, data in enumerate(slices)]
    receipt = intake.receive(user=user, files=files)
    assert {one.code for one in receipt.rejected} == {"storage_quota"} and not Scan.objects.exists()
    assert ingest.failure_reason("storage_quota") == ingest.OUT_OF_RESOURCES


def test_it_is_set_in_the_admin_with_an_audit_row(admin: Any, user: Any) -> None:
    from diagnosis.models import AuditEvent

    browser = Client()
    browser.force_login(admin)
    browser.post("/admin/diagnosis/storagequota/add/", {"user": user.pk, "megabytes": 5})
    assert quotas.limit(user) == 5
    assert AuditEvent.objects.get(action="admin.added").details["model"] == "storagequota"
    assert "0.0 MB" in browser.get("/admin/diagnosis/storagequota/").content.decode()
