"""The secrets of a site in a backup. Runs before Django, which cannot read its settings without them."""

import json
import os
import sys
from collections.abc import MutableMapping, Sequence
from pathlib import Path

from brainscan.launcher import data_dir
from brainscan.launcher.errors import LaunchError

_NAME = "secrets.json"
_STATE = ("db.sqlite3", "secret_key", "deid_secret", "storage")
"""A DATA_DIR that holds any of these belongs to a site."""


def write(folder: Path, *, secret_key: str, fallbacks: Sequence[str], deid_secret: bytes) -> None:
    """Write them to a file that only its owner can read."""
    kept = {"SECRET_KEY": secret_key, "SECRET_KEY_FALLBACKS": list(fallbacks), "DEID_SECRET": deid_secret.hex()}
    private(folder / _NAME, json.dumps(kept) + "\n")


def prepare(environ: MutableMapping[str, str], arguments: Sequence[str]) -> None:
    """Before a restore: set DATA_DIR and, if it is empty, put the backup's keys there. Variables that are set take
    precedence."""
    source = next((Path(word) for word in arguments if not word.startswith("-")), None)
    try:
        folder = data_dir.resolve(environ.get("DATA_DIR", ""))
    except LaunchError as error:
        sys.exit(f"Error: {error}")
    environ["DATA_DIR"] = str(folder)
    if any((folder / name).exists() for name in _STATE):
        if not (folder / "secret_key").exists() and not environ.get("SECRET_KEY"):
            environ["SECRET_KEY"] = "only-to-say-that-the-folder-is-not-empty"  # pragma: allowlist secret  # noqa: S105
        return
    if source is not None and (source / _NAME).is_file():
        kept = json.loads((source / _NAME).read_text(encoding="utf-8"))
        private(folder / "deid_secret", kept["DEID_SECRET"])
        earlier = kept.get("SECRET_KEY_FALLBACKS", [])  # older backups have none
        if not environ.get("SECRET_KEY"):
            private(folder / "secret_key", kept["SECRET_KEY"])
        elif environ["SECRET_KEY"] != kept["SECRET_KEY"]:  # for this site, an earlier one: apps and sessions need it
            earlier = [kept["SECRET_KEY"], *earlier]
        if earlier:
            private(folder / "secret_key_fallbacks", "".join(f"{key}\n" for key in earlier))
    if not environ.get("SECRET_KEY") and not (folder / "secret_key").exists():
        # For this command only: a file would outlast a refused restore, and be taken for the site's key.
        environ["SECRET_KEY"] = data_dir.new_key()


def private(file: Path, text: str) -> None:
    """Write a new file that only its owner may read."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as out:
        out.write(text)
