"""A backup refuses to guess which keys are the site's, and to overwrite another."""

from pathlib import Path
from typing import Any

import pytest

from brainscan.backup import making
from brainscan.backup.manifest import BackupError


def test_keys_that_are_not_the_sites_make_no_backup(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    (tmp_path / "secret_key").write_text("the-site-has-another")
    with pytest.raises(BackupError, match="SECRET_KEY in the environment differs from"):
        making.make(tmp_path / "backup")
    assert not (tmp_path / "backup").exists()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    with pytest.raises(BackupError, match="not empty"):
        making.make(tmp_path)
