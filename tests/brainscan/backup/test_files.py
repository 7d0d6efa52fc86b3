"""Files of a backup: copied with their digests, checked, and put back under their names."""

from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from brainscan.backup import files
from brainscan.backup.files import Copied
from brainscan.backup.manifest import BackupError
from tests.factories import digest

NAMES = ("scans/ab/one.bin", "previews/cd/two.png")


@pytest.fixture
def stored() -> dict[str, str]:
    """Two files in the storage, and what rows say of their digests."""
    for name in NAMES:
        default_storage.save(name, ContentFile(name.encode()))
    return {NAMES[0]: digest(NAMES[0]), NAMES[1]: ""}


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    folder = tmp_path / "backup"
    folder.mkdir()
    return folder


def test_there_and_back(stored: dict[str, str], backup: Path) -> None:
    copied = Copied()
    assert files.copy(stored, backup, known=copied) == []
    copied.write(backup)
    with pytest.raises(BackupError, match="not empty"):
        files.require_empty()
    for name in NAMES:
        default_storage.delete(name)
    files.require_empty()
    assert files.read(backup) == copied == {name: (len(name), digest(name)) for name in NAMES}
    files.check(backup, copied)
    with files.restored(backup, copied):
        pass
    with default_storage.open(NAMES[0]) as file:
        assert file.read() == NAMES[0].encode()


@pytest.mark.parametrize("missing", [None, NAMES[1]])
def test_what_a_failed_restore_has_written_goes_again(
    stored: dict[str, str], backup: Path, missing: str | None
) -> None:
    copied = Copied()
    files.copy(stored, backup, known=copied)
    for name in NAMES:
        default_storage.delete(name)
    if missing:
        (backup / "storage" / missing).unlink()
    with pytest.raises((OSError, BackupError)), files.restored(backup, copied):
        assert not missing, "the database comes once all files are there"
        raise BackupError("pg_restore failed")
    files.require_empty()


def test_missing_and_changed_files_are_named_and_the_next_round_copies_only_new_ones(
    stored: dict[str, str], backup: Path
) -> None:
    copied = Copied()
    wanted = stored | {NAMES[0]: digest("other"), "scans/ab/gone.bin": ""}
    for _ in range(2):  # in each round, or the last would have none to tell
        assert files.copy(wanted, backup, known=copied) == ["scans/ab/gone.bin", NAMES[0]]
    assert files.copy({NAMES[1]: ""}, backup, known=copied) == []  # the other rows are gone by then
    assert [path.name for path in (backup / "storage").rglob("*.*")] == ["two.png"]


def test_a_damaged_backup_is_not_restored(stored: dict[str, str], backup: Path) -> None:
    files.copy(stored, backup, known=(copied := Copied()))
    (backup / "storage" / NAMES[1]).write_bytes(b"bits")
    with pytest.raises(
        BackupError, match=r"1 files of the backup are gone or damaged, among them previews/cd/two\.png"
    ):
        files.check(backup, copied)
    (backup / "storage" / NAMES[0]).unlink()
    with pytest.raises(BackupError, match="2 files"):
        files.check(backup, copied)


def test_a_file_that_is_there_already_stays_as_it_is(stored: dict[str, str], backup: Path) -> None:
    copied = Copied()
    files.copy(stored, backup, known=copied)
    default_storage.delete(NAMES[1])
    with pytest.raises(BackupError, match="already"), files.restored(backup, copied):
        pass
    assert default_storage.exists(NAMES[0])
    assert default_storage.listdir("scans/ab")[1] == ["one.bin"]
    assert not default_storage.exists(NAMES[1])
