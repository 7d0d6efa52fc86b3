"""Make a backup while the site runs."""

import os
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings

from brainscan.backup import database, files, keys, manifest
from brainscan.backup.manifest import FORMAT, BackupError, Manifest
from diagnosis.access import audit, audit_chain

_ROUNDS = 5
"""Snapshots at most. A file deleted after one snapshot, together with its row, is missing; the next knows neither."""


def make(target: Path, *, with_keys: bool = True) -> Manifest:
    """Write a backup into `target`, a folder that is new or empty. Raises BackupError.

    Files that rows name and the storage lacks cannot be backed up; the manifest names them.
    """
    _require_the_sites_keys()
    _open(target)
    audit.record("site.backed_up", with_keys=with_keys)
    copied, missing = files.Copied(), ["?"]
    before: list[str] = []
    for _ in range(_ROUNDS):
        audit_chain.seal()
        head = str(audit_chain.head())
        with database.snapshot(target) as found:
            pass
        missing = files.copy(found.files, target, known=copied)
        if not missing or missing == before:
            break
        before = missing
    copied.write(target)
    if with_keys:
        keys.write(
            target,
            secret_key=settings.SECRET_KEY,
            fallbacks=settings.SECRET_KEY_FALLBACKS,
            deid_secret=settings.DEID_SECRET,
        )
    made = Manifest(
        format=FORMAT,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        database=settings.DATABASES["default"]["ENGINE"].rpartition(".")[2],
        database_sha256=database.digest(target),
        migrations=found.migrations,
        keys=manifest.fingerprint(),
        with_keys=with_keys,
        files=len(copied),
        bytes=sum(size for size, _ in copied.values()),
        missing=missing,
        audit_head=head,
    )
    made.write(target)
    return made


def _require_the_sites_keys() -> None:
    """Raises BackupError if it is unclear which key the site runs with: a backup with the wrong one is useless."""
    file = Path(settings.DATA_DIR) / "secret_key"
    if file.is_file() and file.read_text(encoding="ascii").strip() != settings.SECRET_KEY:
        raise BackupError(
            f"SECRET_KEY in the environment differs from {file}. Run this with the environment of the site; if it "
            "does not use that file, remove it."
        )


def _open(target: Path) -> None:
    """A folder that only its owner may enter; whatever is written into it, too."""
    os.umask(0o077)
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(target.iterdir()):
        raise BackupError(f"{target} is not empty. Name a new folder: a backup never overwrites another.")
    target.chmod(0o700)
