"""Free space, watched: below MIN_FREE_MB uploads are refused, long before the disk is full.

So reading, signing in, the queue and the database keep the space that they need. Another program may still fill the
disk in the middle of an upload; `is_full` recognizes the error that writing then raises.
"""

import errno
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import DatabaseError

_MEGABYTE = 1024 * 1024
_FULL_FILES = (errno.ENOSPC, errno.EDQUOT)
_FULL_DATABASES = ("SQLITE_FULL", "53100")
"""SQLite's result code, and PostgreSQL's SQLSTATE disk_full."""


class NoRoom(Exception):
    """There is no room for an upload. seconds: when it makes sense to try again."""

    code = "no_room"
    seconds = 60

    def __str__(self) -> str:
        return (
            "The site has no room for new scans right now: its disk is almost full. Nothing of this upload was kept. "
            "What is here can still be read. Tell an administrator, and try again later."
        )


@dataclass(frozen=True, slots=True)
class FreeSpace:
    """folder: of those that the site writes to, the one with the least free space. megabytes: how much that is.

    least: megabytes below which uploads are refused.
    """

    folder: Path
    megabytes: int
    least: int

    @property
    def enough(self) -> bool:
        return self.megabytes >= self.least

    @property
    def problem(self) -> str:
        """A sentence for administrators; empty if there is enough."""
        if self.enough:
            return ""
        return (
            f"The disk is almost full: {self.megabytes:,} MB are free at {self.folder}. Uploads are refused until "
            f"{self.least:,} MB are free; reading goes on."
        )


def status() -> FreeSpace:
    """The free space where it is least. Asks the file systems each time, which takes microseconds.

    Folders of one disk count as its first, so that the answer does not depend on what is written between two questions.
    """
    disks: dict[int, Path] = {}
    for folder in _folders():
        disks.setdefault(_existing(folder).stat().st_dev, folder)
    free = {folder: shutil.disk_usage(_existing(folder)).free for folder in disks.values()}
    tightest = min(free, key=free.__getitem__)
    return FreeSpace(tightest, free[tightest] // _MEGABYTE, settings.MIN_FREE_MB)


def require() -> None:
    """Raises NoRoom if there is too little space for uploads."""
    if not status().enough:
        raise NoRoom


def is_full(error: BaseException | None) -> bool:
    """Whether a disk or database without room is behind an error."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL_FILES:
            return True
        cause = error.__cause__ if isinstance(error, DatabaseError) else None
        code = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None)
        if code in _FULL_DATABASES:
            return True
        error = error.__cause__ or error.__context__
    return False


def _folders() -> Iterator[Path]:
    """Where an upload is written: the database and the queue, the storage, and files on their way."""
    yield Path(settings.DATA_DIR)
    if isinstance(default_storage, FileSystemStorage):  # the lazy object passes for what it stands for
        yield Path(default_storage.location)
    yield Path(settings.FILE_UPLOAD_TEMP_DIR or tempfile.gettempdir())


def _existing(folder: Path) -> Path:
    return next(one for one in (folder, *folder.parents) if one.exists())
