"""Static files are collected when they changed, and only then."""

import os
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from brainscan import static_storage
from brainscan.launcher import static_files


@pytest.fixture
def collectstatic(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mock:
    """Counts the runs of `collectstatic` over a folder with one file."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "site.css").write_text("a {}")
    (tmp_path / "root").mkdir()
    settings.STATICFILES_DIRS = [tmp_path / "source"]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATIC_ROOT = tmp_path / "root"
    run = Mock()
    monkeypatch.setattr(static_files, "call_command", run)
    return run


def test_the_second_start_collects_nothing(collectstatic: Mock) -> None:
    static_files.collect()
    static_files.collect()
    assert collectstatic.call_count == 1


def test_a_changed_file_is_collected(collectstatic: Mock, tmp_path: Path) -> None:
    static_files.collect()
    os.utime(tmp_path / "source" / "site.css", ns=(1, 1))
    static_files.collect()
    assert collectstatic.call_count == 2


def test_a_changed_storage_collects_again(collectstatic: Mock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    static_files.collect()
    (tmp_path / "storage.py").write_text("patterns = ()")
    monkeypatch.setattr(static_storage, "__file__", str(tmp_path / "storage.py"))
    static_files.collect()
    assert collectstatic.call_count == 2


def test_a_collection_that_failed_is_done_again(collectstatic: Mock) -> None:
    collectstatic.side_effect = [OSError("disk full"), None]
    with pytest.raises(OSError, match="disk full"):
        static_files.collect()
    static_files.collect()
    assert collectstatic.call_count == 2
