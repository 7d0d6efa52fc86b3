"""A snapshot of the database while others write, the names of its files, and restoring it."""

import hashlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from django.db import connection, connections, transaction

from brainscan.backup.manifest import BackupError
from ml import child_environment

_NAMES = (
    "SELECT file, sha256 FROM diagnosis_scan UNION ALL SELECT preview, '' FROM diagnosis_scan "
    "UNION ALL SELECT thumbnail, '' FROM diagnosis_scan UNION ALL SELECT file, '' FROM diagnosis_slice "
    "UNION ALL SELECT preview, '' FROM diagnosis_slice UNION ALL SELECT thumbnail, '' FROM diagnosis_slice"
)
_MIGRATIONS = "SELECT app, MAX(name) FROM django_migrations GROUP BY app"
_SQLITE, _DUMP = "database.sqlite3", "database.dump"


class Snapshot:
    """files: names in the storage, each with its sha256, "" where none is kept. migrations: the newest of each app."""

    def __init__(self, names: Any, migrations: Any) -> None:
        self.files: dict[str, str] = {}
        for name, digest in names:
            if name:
                self.files[name] = digest or self.files.get(name, "")
        self.migrations: dict[str, str] = dict(migrations)


@contextmanager
def snapshot(folder: Path) -> Iterator[Snapshot]:
    """Write a consistent snapshot of the database into `folder`, replacing an earlier one."""
    if connection.vendor == "sqlite":
        yield _of_sqlite(folder / _SQLITE)
    else:
        with transaction.atomic():
            yield _of_postgresql(folder / _DUMP)


def _of_sqlite(target: Path) -> Snapshot:
    target.unlink(missing_ok=True)
    # A connection of its own: within Django's, a transaction might be under way.
    with (
        closing(sqlite3.connect(str(connection.settings_dict["NAME"]), timeout=20)) as live,
        closing(sqlite3.connect(target)) as copy,
    ):
        live.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, complete by itself
        return Snapshot(copy.execute(_NAMES), copy.execute(_MIGRATIONS))


def _of_postgresql(target: Path) -> Snapshot:
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")
        [name] = cursor.fetchone()
        _run("pg_dump", "--format=custom", f"--file={target}", f"--snapshot={name}", "--no-owner", "--no-privileges")
        cursor.execute(_NAMES)
        names = cursor.fetchall()
        cursor.execute(_MIGRATIONS)
        return Snapshot(names, cursor.fetchall())


def digest(folder: Path) -> str:
    """sha256 of the snapshot in `folder`; "" if there is none."""
    for file in (folder / _SQLITE, folder / _DUMP):
        if file.is_file():
            with file.open("rb") as source:
                return hashlib.file_digest(source, "sha256").hexdigest()
    return ""


def require_empty() -> None:
    """Raises BackupError if the database holds a site already."""
    if "django_migrations" in connection.introspection.table_names():
        raise BackupError("The database is not empty. Restore into an empty one: nothing is ever overwritten.")
    connections.close_all()


def restore(folder: Path, *, vendor: str) -> None:
    """Bring a snapshot back into the empty database of the settings. Raises BackupError."""
    wanted = "sqlite" if vendor == "sqlite3" else vendor
    if connection.vendor != wanted:
        raise BackupError(
            f"The backup is of {vendor}, but DATABASE_URL names a {connection.vendor} database. Use {vendor}."
        )
    if wanted == "postgresql":
        _run("pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction",
             f"--dbname={connection.settings_dict['NAME']}", str(folder / _DUMP))  # fmt: skip
        return
    target = Path(str(connection.settings_dict["NAME"]))
    for left in (target, *(target.with_name(f"{target.name}{end}") for end in ("-wal", "-shm"))):
        left.unlink(missing_ok=True)  # left by the connection that looked for tables
    draft = target.with_name(f"{target.name}.restored")
    shutil.copyfile(folder / _SQLITE, draft)
    draft.chmod(0o600)
    draft.replace(target)


def _run(program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs; the password travels in the environment, which other users cannot read. The
    site's own secrets do not."""
    at = connection.settings_dict
    names = {"PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER", "PGDATABASE": "NAME"}
    names["PGPASSWORD"] = "PASSWORD"  # pragma: allowlist secret
    ours = {name: str(at[key]) for name, key in names.items() if at.get(key)}
    for option in ("sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl"):
        if value := at["OPTIONS"].get(option):
            ours[f"PG{option.upper()}"] = str(value)
    path = shutil.which(program)
    if path is None:
        raise BackupError(f"{program} is not installed. It comes with PostgreSQL's client (Debian: postgresql-client).")
    environment = child_environment.reduced(os.environ, "PG") | ours
    done = subprocess.run([path, *arguments], env=environment, capture_output=True, text=True)
    if done.returncode:
        raise BackupError(f"{program} failed: {done.stderr.strip()[-500:]}")
