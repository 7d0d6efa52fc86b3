"""DATA_DIR: one running site per folder, each with its own secret key. Runs before Django: standard library only."""

import contextlib
import fcntl
import os
import secrets
import stat
import sys
from collections.abc import Iterator, MutableMapping
from pathlib import Path

from brainscan.launcher.errors import LaunchError

_PRIVATE = (
    *("db.sqlite3", "db.sqlite3-wal", "db.sqlite3-shm", "storage", "valkey"),
    *("secret_key", "secret_key_fallbacks", "deid_secret"),
)
_DEFAULT = Path(__file__).resolve().parents[2] / "var"


def prepare(environ: MutableMapping[str, str]) -> None:
    """Create DATA_DIR, and in it a secret key unless SECRET_KEY is set: Django's settings need both.

    They read the file, so that no process has the key in its environment.
    """
    try:
        os.umask(0o077)  # for everything that the site's programs make from now on
        folder = resolve(environ.get("DATA_DIR", ""))
        environ["DATA_DIR"] = str(folder)
        if not environ.get("SECRET_KEY"):
            secret_key(folder)
    except LaunchError as error:
        sys.exit(f"Error: {error}")


def resolve(value: str) -> Path:
    """The folder that DATA_DIR names, as an absolute path; created if missing, private to this user."""
    folder = Path(value or _DEFAULT).expanduser().resolve()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise LaunchError(f"DATA_DIR {folder} cannot be made ({error.strerror}). Name another: DATA_DIR=…") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise LaunchError(f"DATA_DIR {folder} is not writable. Name another: DATA_DIR=…")
    make_private(folder)
    return folder


def make_private(path: Path) -> None:
    """Deny other users of the machine access to a file, or to a folder and the site's files in it."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode) and mode & stat.S_ISVTX:
        raise LaunchError(f"{path} is shared by all users of this machine. Name a folder of its own: DATA_DIR=…")
    try:
        if mode & 0o077:
            path.chmod(mode & 0o700)
    except OSError as error:
        raise LaunchError(
            f"Other users of this machine can read {path}, and it is not ours to close ({error.strerror}). "
            "Let its owner run the site, or name another: DATA_DIR=…"
        ) from error
    if stat.S_ISDIR(mode):
        for name in _PRIVATE:
            if (path / name).exists():
                make_private(path / name)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock the folder for this process. A POSIX record lock: not inherited by children, released by the kernel."""
    with (folder / "lock").open("a") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LaunchError(
                f"A site is already running with DATA_DIR {folder}. Stop it first, or start a second one with "
                "a folder and a port of its own: make run DATA_DIR=other PORT=8001"
            ) from error
        yield


def secret_key(folder: Path) -> str:
    """The folder's secret key, created on first use. Settings read the same file if SECRET_KEY is unset."""
    file = folder / "secret_key"
    if not file.exists():
        write(file, new_key())
    return file.read_text(encoding="ascii").strip()


def new_key() -> str:
    return secrets.token_urlsafe(64)


def write(file: Path, text: str) -> None:
    """Write a file that only its owner can read, completely or not at all."""
    draft = file.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as out:
        out.write(text)
    draft.replace(file)
