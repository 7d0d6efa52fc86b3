"""Without free space every way of uploading refuses before anything is stored, and the error names the full disk."""

import errno
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.test import Client
from rest_framework.test import APIClient

from brainscan.storage import WholeFiles
from diagnosis import intake
from diagnosis.dicom import stow
from diagnosis.intake import free_space
from diagnosis.intake.free_space import NoRoom
from diagnosis.models import Case, Scan
from tests.builders import phantom, png_bytes

pytestmark = pytest.mark.django_db


@pytest.fixture
def full(settings: Any) -> None:
    settings.MIN_FREE_MB = 10**9


def image(seed: int = 0) -> SimpleUploadedFile:
    return SimpleUploadedFile(f"axial{seed}.png", png_bytes(phantom(96, seed=seed)))


def no_space(*_: object, **__: object) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_it_watches_every_folder_that_an_upload_is_written_to(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert free_space.status().enough
    found = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: found)  # others write to this disk meanwhile
    settings.MIN_FREE_MB = 10**9
    full = free_space.status()
    assert not full.enough
    assert full.problem.startswith(f"The disk is almost full: {full.megabytes:,} MB are free at ")
    settings.DATA_DIR = tmp_path / "not" / "yet" / "there"
    assert free_space.status().megabytes == full.megabytes


@pytest.mark.usefixtures("full")
class TestRefused:
    def test_page(self, as_user: Client) -> None:
        answer = as_user.post("/upload/", {"files": [image()], "case": "A-1"})
        assert (answer.status_code, answer.headers["Retry-After"]) == (507, "60")
        assert "its disk is almost full" in answer.content.decode()
        assert "its disk is almost full" in as_user.get("/upload/").content.decode()
        assert not Case.objects.exists()

    def test_script_of_the_page(self, as_user: Client) -> None:
        answer = as_user.post("/upload/", {"files": [image()]}, headers={"X-Requested-With": "XMLHttpRequest"})
        assert answer.status_code == 507
        assert "data-refused" in answer.content.decode()

    def test_api(self, user: Any) -> None:
        api = APIClient()
        api.force_authenticate(user)
        answer = api.post("/api/v1/scans/", {"files": [image()]}, format="multipart")
        assert (answer.status_code, answer.headers["Retry-After"]) == (507, "60")
        assert answer.json()["code"] == "no_room"

    def test_stow(self, user: Any) -> None:
        with pytest.raises(NoRoom):
            stow.store(user=user, read=no_space, boundary="x")

    def test_health_says_so_and_stays_ready(self, client: Client) -> None:
        space = client.get("/health/ready").json()["space"]
        assert (space["ready"], space["problem"]) == (False, "The disk is almost full: uploads are refused.")

    def test_pages_go_on(self, as_user: Client) -> None:
        assert as_user.get("/history/").status_code == 200


def test_a_disk_that_fills_up_under_way_costs_only_what_came_after(user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    save, left = FileSystemStorage.save, [3]

    def save_three(*args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        return save(*args, **kwargs) if left[0] >= 0 else no_space()

    with monkeypatch.context() as patch:
        patch.setattr(FileSystemStorage, "save", save_three)
        receipt = intake.receive(user=user, files=[image(1), image(2)])
    assert ([one.name for one in receipt.accepted], [one.code for one in receipt.rejected]) == (
        ["axial1.png"],
        ["no_room"],
    )
    again = intake.receive(user=user, files=[image(1), image(2)])
    assert [one.created for one in again.accepted] == [False, True]
    assert Scan.objects.count() == 2


def test_nothing_is_left_of_a_file_that_found_no_room(user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FileSystemStorage, "save", no_space)
    with pytest.raises(NoRoom):
        intake.receive(user=user, files=[image()])
    assert not Scan.objects.exists() and not Case.objects.exists()


def test_a_storage_keeps_no_part_of_a_file(tmp_path: Path) -> None:
    class Broken(ContentFile):  # type: ignore[type-arg]
        def chunks(self, chunk_size: int | None = None) -> Any:
            yield b"half"
            no_space()

    with pytest.raises(OSError, match="No space"):
        WholeFiles(location=tmp_path).save("scans/ab/one.bin", Broken(b"whole"))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_a_full_disk_raises_is_recognized_behind_other_errors(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "x.sqlite3")
    database.execute("PRAGMA max_page_count = 1")
    with pytest.raises(sqlite3.OperationalError) as caught:
        database.execute("CREATE TABLE x (y)")
    database.close()
    error = OperationalError("database or disk is full")
    error.__cause__ = caught.value
    later = OperationalError("no such savepoint")
    later.__context__ = error
    assert free_space.is_full(later) and free_space.is_full(OSError(errno.EDQUOT, ""))
    assert not free_space.is_full(OSError(errno.EIO, "")) and not free_space.is_full(None)
