"""`rotate_secret_key`: a new key in DATA_DIR, beside which the old one and the pseudonyms stay."""

import stat
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from brainscan import config
from brainscan.launcher import data_dir
from diagnosis.models import AuditEvent


@pytest.fixture
def folder(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("SECRET_KEY", raising=False)
    settings.DATA_DIR = tmp_path
    return tmp_path


def read(folder: Path, settings: Any) -> tuple[str, list[str], bytes]:
    """What settings read at the next start, which is what the command goes by then."""
    key = config.secret_key("", data_dir=folder)
    settings.SECRET_KEY = key
    settings.SECRET_KEY_FALLBACKS = config.secret_key_fallbacks([], data_dir=folder)
    settings.DEID_SECRET = config.deid_secret("", secret_key=key, data_dir=folder)
    return key, settings.SECRET_KEY_FALLBACKS, settings.DEID_SECRET


@pytest.mark.django_db
def test_earlier_keys_and_pseudonyms_stay(folder: Path, settings: Any) -> None:
    data_dir.secret_key(folder)
    first, _, deid = read(folder, settings)
    call_command("rotate_secret_key", verbosity=0)
    second, fallbacks, kept = read(folder, settings)
    assert second != first and fallbacks == [first] and kept == deid
    call_command("rotate_secret_key", verbosity=0)
    third, fallbacks, kept = read(folder, settings)
    assert third not in (first, second) and fallbacks == [second, first] and kept == deid
    for name in ("secret_key", "secret_key_fallbacks", "deid_secret"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    assert AuditEvent.objects.filter(action="secret_key.rotated").count() == 2


def test_a_key_in_the_environment_is_changed_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SECRET_KEY", "SECRET_KEY_FALLBACKS"):
        with monkeypatch.context() as patch, pytest.raises(CommandError, match=f"{name} is set in the environment"):
            patch.setenv(name, "given")
            call_command("rotate_secret_key")
    assert list(folder.iterdir()) == []
