"""What PostgreSQL's programs are started with."""

import shutil
from pathlib import Path

import pytest

from brainscan.backup import database
from brainscan.backup.manifest import BackupError


def test_they_get_the_databases_password_and_no_secret_of_the_site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "pg_dump"
    program.write_text("#!/bin/sh\nenv | cut -d = -f 1 | tr '\\n' ' ' >&2\nexit 1\n")
    program.chmod(0o700)
    monkeypatch.setattr(shutil, "which", lambda name: str(program))
    monkeypatch.setitem(database.connection.settings_dict, "PASSWORD", "of the database")
    for name in ("METRICS_TOKEN", "PGSSLMODE"):
        monkeypatch.setenv(name, "set")
    with pytest.raises(BackupError) as caught:
        database._run("pg_dump")
    given = set(str(caught.value).split())
    assert {"PGPASSWORD", "PGSSLMODE", "PATH"} <= given
    assert not {"METRICS_TOKEN", "SECRET_KEY"} & given
