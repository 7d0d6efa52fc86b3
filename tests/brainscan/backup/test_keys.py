"""The keys of a backup are in place before the settings are read, and never take the place of others."""

import stat
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from brainscan import config
from brainscan.backup import keys, manifest
from brainscan.backup.manifest import BackupError


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "backup"
    folder.mkdir()
    keys.write(folder, secret_key="the-key", fallbacks=["before", "long-ago"], deid_secret=b"\x01\x02")
    return folder


def fallbacks(folder: Path) -> list[str]:
    return config.secret_key_fallbacks([], data_dir=folder)


def test_an_empty_site_gets_all_keys_of_the_backup(source: Path, tmp_path: Path) -> None:
    environ = {"DATA_DIR": str(tmp_path / "new")}
    keys.prepare(environ, [str(source)])
    assert (tmp_path / "new" / "secret_key").read_text() == "the-key"
    assert config.deid_secret("", secret_key="any", data_dir=tmp_path / "new") == b"\x01\x02"
    assert config.deid_secret("given", secret_key="any", data_dir=tmp_path / "new") == b"given"
    assert config.deid_secret("hex:0102", secret_key="any", data_dir=tmp_path) == b"\x01\x02"
    with pytest.raises(ImproperlyConfigured, match="not hexadecimal"):
        config.deid_secret("hex:secret", secret_key="any", data_dir=tmp_path)
    with pytest.raises(ImproperlyConfigured, match="everybody would know"):
        config.deid_secret("hex:", secret_key="k", data_dir=tmp_path)
    assert fallbacks(tmp_path / "new") == ["before", "long-ago"]
    assert config.secret_key_fallbacks(["given"], data_dir=tmp_path / "new") == ["given"]
    for file in (source / "secrets.json", *(tmp_path / "new").iterdir()):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("key", "earlier"), [("mine", ["the-key", "before", "long-ago"]), ("the-key", ["before", "long-ago"])]
)
def test_a_key_in_the_environment_stands_and_what_the_backups_signed_stays_valid(
    source: Path, tmp_path: Path, key: str, earlier: list[str]
) -> None:
    keys.prepare({"DATA_DIR": str(tmp_path / "new"), "SECRET_KEY": key}, [str(source)])
    assert not (tmp_path / "new" / "secret_key").exists()
    assert fallbacks(tmp_path / "new") == earlier


def test_a_backup_of_an_earlier_version_restores_no_earlier_keys(source: Path, tmp_path: Path) -> None:
    (source / "secrets.json").write_text('{"SECRET_KEY": "the-key", "DEID_SECRET": "0102"}')
    keys.prepare({"DATA_DIR": str(tmp_path / "new")}, [str(source)])
    assert fallbacks(tmp_path / "new") == []


def test_a_folder_in_use_keeps_its_own(source: Path, tmp_path: Path) -> None:
    (tmp_path / "used").mkdir(mode=0o700)
    (tmp_path / "used" / "secret_key").write_text("its-own")
    environ = {"DATA_DIR": str(tmp_path / "used")}
    keys.prepare(environ, [str(source)])
    assert (tmp_path / "used" / "secret_key").read_text() == "its-own"
    assert "SECRET_KEY" not in environ and not (tmp_path / "used" / "deid_secret").exists()


def test_a_backup_without_keys_leaves_no_key_behind(tmp_path: Path) -> None:
    """If the restore is refused and tried again with the right SECRET_KEY, a file would be taken for it afterwards."""
    environ = {"DATA_DIR": str(tmp_path / "new")}
    keys.prepare(environ, [str(tmp_path / "no-keys-here")])
    assert environ["SECRET_KEY"] and list((tmp_path / "new").iterdir()) == []


def test_an_unfinished_or_newer_backup_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match=r"no manifest\.json, which is written last"):
        manifest.read(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(BackupError, match="cannot be read"):
        manifest.read(tmp_path)
    (tmp_path / "manifest.json").write_text('{"format": 2}')
    with pytest.raises(BackupError, match="newer version"):
        manifest.read(tmp_path)
