"""Bring a backup back into an empty site."""

import os
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.db.migrations.loader import MigrationLoader

from brainscan.backup import database, files, manifest
from brainscan.backup.manifest import BackupError, Manifest
from brainscan.launcher import data_dir
from diagnosis.access import audit


def restore(source: Path) -> Manifest:
    """Restore into the database and storage of the settings, which must be empty; then migrate.

    Everything is checked before anything is written. Raises BackupError, and LaunchError if a site runs here.
    """
    os.umask(0o077)
    found = manifest.read(source)
    kept = files.read(source)
    with data_dir.locked(Path(settings.DATA_DIR)):
        database.require_empty()
        files.require_empty()
        if manifest.fingerprint() != found.keys:
            raise BackupError(_OTHER_KEYS)
        _require_known(found)
        if database.digest(source) != found.database_sha256:
            raise BackupError("The backup's database is gone or damaged.")
        files.check(source, kept)
        with files.restored(source, kept):  # first: a database alone would be a site without images
            database.restore(source, vendor=found.database)
        call_command("migrate", interactive=False, verbosity=0)
        audit.record("site.restored", created=found.created, files=found.files)
        connections.close_all()
    return found


_OTHER_KEYS = (
    "This site's DEID_SECRET is not the one of the backup. With it, every UID would change and known slices would "
    "become new cases. Set DEID_SECRET and SECRET_KEY as they were, or restore a backup that has its keys."
)


def _require_known(found: Manifest) -> None:
    """Raises BackupError if the backup's database is newer than this program."""
    known = set(MigrationLoader(None).disk_migrations)
    newer = [f"{app}.{name}" for app, name in found.migrations.items() if (app, name) not in known]
    newer = [one for one in newer if one.partition(".")[0] in {app for app, _ in known}]
    if newer:
        raise BackupError(f"The backup was made by a newer version of brainscan ({newer[0]}). Upgrade first.")
