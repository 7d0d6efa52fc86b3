"""What PostgreSQL's programs are started with."""

import shutil
from collections.abc import Callable
from pathlib import Path

import environ
import pytest
from django.db import connection

from brainscan import config
from brainscan.backup import database
from brainscan.backup.manifest import BackupError


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], dict[str, str]]:
    """Starts pg_dump, and says with which environment."""
    program = tmp_path / "pg_dump"
    program.write_text(f"#!/bin/sh\nenv -0 > {tmp_path}/given\nexit 1\n")
    program.chmod(0o700)
    monkeypatch.setattr(shutil, "which", lambda name: str(program))

    def run() -> dict[str, str]:
        with pytest.raises(BackupError):
            database._run("pg_dump")
        return dict(line.split("=", 1) for line in (tmp_path / "given").read_text().split("\0") if line)

    return run


def test_they_get_the_databases_password_and_no_secret_of_the_site(
    given: Callable[[], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict, "PASSWORD", "of the database")
    for name in ("METRICS_TOKEN", "PGSSLMODE"):
        monkeypatch.setenv(name, "set")
    found = given()
    assert {"PGPASSWORD", "PGSSLMODE", "PATH"} <= set(found)
    assert not {"METRICS_TOKEN", "SECRET_KEY"} & set(found)


def test_they_check_the_databases_certificate_as_the_site_does(
    given: Callable[[], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://u:p@h/n?sslmode=verify-full&sslrootcert=/ca.pem")
    options = config.database(environ.Env(), data_dir=Path("/nowhere"))["OPTIONS"]
    assert options == {"sslmode": "verify-full", "sslrootcert": "/ca.pem"}  # what psycopg connects with
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", options)
    found = given()
    assert (found["PGSSLMODE"], found["PGSSLROOTCERT"]) == ("verify-full", "/ca.pem")
