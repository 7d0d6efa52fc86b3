"""The manifest of a backup: what is in it, and from which state of the site."""

import hashlib
import hmac
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from django.conf import settings

FORMAT = 1
_NAME = "manifest.json"


class BackupError(Exception):
    """Why a backup cannot be made or restored, as a sentence."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """database: `sqlite3` or `postgresql`, with the sha256 of its snapshot. migrations: the newest of each app.
    keys: fingerprint of DEID_SECRET.

    with_keys: the secrets themselves are in it. files, bytes: of the storage. missing: files that rows name and the
    storage did not have. audit_head: where the audit trail ended, as `audit_verify --known` takes it.
    """

    format: int
    created: str
    database: str
    database_sha256: str
    migrations: dict[str, str]
    keys: str
    with_keys: bool
    files: int
    bytes: int
    missing: list[str]
    audit_head: str

    def write(self, folder: Path) -> None:
        (folder / _NAME).write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")


def read(folder: Path) -> Manifest:
    """Raises BackupError for a folder that holds no whole backup of this format."""
    try:
        found = json.loads((folder / _NAME).read_text(encoding="utf-8"))
        if found["format"] > FORMAT:
            raise BackupError(f"{folder} was made by a newer version of brainscan. Upgrade first.")
        return Manifest(**found)
    except FileNotFoundError:
        raise BackupError(f"{folder} holds no whole backup: it has no {_NAME}, which is written last.") from None
    except (ValueError, KeyError, TypeError):
        raise BackupError(f"{folder / _NAME} cannot be read.") from None


def fingerprint() -> str:
    """A fingerprint of DEID_SECRET, from which UIDs and pseudonyms follow: equal for equal keys, and tells no key."""
    return hmac.new(settings.DEID_SECRET, b"brainscan backup", hashlib.sha256).hexdigest()[:32]
