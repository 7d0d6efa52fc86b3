"""Collects static files, but only if they changed: hashing and compressing hundreds of them takes seconds."""

import hashlib
from importlib import metadata
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command

from brainscan import static_storage

_STAMP = "collected"


def collect() -> None:
    """Bring STATIC_ROOT up to date."""
    stamp = Path(settings.STATIC_ROOT) / _STAMP
    fingerprint = _fingerprint()
    if stamp.is_file() and stamp.read_text() == fingerprint:
        return
    stamp.unlink(missing_ok=True)
    call_command("collectstatic", interactive=False, verbosity=0)
    stamp.write_text(fingerprint)


def _fingerprint() -> str:
    """Changes with every file to collect, with WhiteNoise's version, and with our storage on top of it."""
    digest = hashlib.sha256(metadata.version("whitenoise").encode())
    digest.update(Path(static_storage.__file__).read_bytes())
    for finder in get_finders():
        for name, storage in finder.list([]):
            file = Path(storage.path(name)).stat()
            digest.update(f"{name}\0{file.st_size}\0{file.st_mtime_ns}\n".encode())
    return digest.hexdigest()
