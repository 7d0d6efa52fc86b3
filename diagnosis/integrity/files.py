"""Every row has its files, every file has a row, none is empty, and each original matches its digest."""

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from django.core.files.storage import default_storage
from django.utils import timezone

from diagnosis.integrity.findings import Finding, found
from diagnosis.models import DiscardedFile, Scan, Slice
from diagnosis.models.discarded_file import STORED

FOLDERS = ("scans", "previews")
MIN_AGE = timedelta(hours=1)
"""Files of an upload under way have no row yet, so a younger file is not reported."""
_THREADS = 8
"""Files read at the same time, in threads: reading and hashing release the GIL."""
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Stored:
    """size: bytes. sha256: of the file's bytes, "" if not asked for."""

    size: int
    sha256: str = ""


def check(*, digests: bool) -> Iterator[Finding]:
    """Findings on files; see the package."""
    digest_of = dict(Scan.objects.values_list("file", "sha256").iterator())
    named = set(digest_of)
    for model in (Scan, Slice):
        for names in model._default_manager.values_list(*STORED).iterator():
            named.update(name for name in names if name)
    waiting = set(DiscardedFile.objects.values_list("name", flat=True).iterator())
    there = set(_stored())
    yield from found(
        "file_missing",
        "A row names a file that the storage does not have. Restore it from a backup.",
        _still_named(named - there),
    )
    orphans = {name for name in there - named - waiting if _is_old(name)}
    yield from found(
        "file_orphaned", "No row names this file.", orphans, partial(_delete, sorted(orphans)) if orphans else None
    )
    wanted = (named & there) if digests else (set(digest_of) & there)
    read = partial(_read, hashed=frozenset(digest_of) if digests else frozenset())
    with ThreadPoolExecutor(_THREADS) as pool:
        facts = {name: one for name, one in zip(wanted, pool.map(read, wanted), strict=True) if one is not None}
    yield from found(
        "file_empty",
        "A stored file has no bytes. Restore it from a backup.",
        {name for name, one in facts.items() if not one.size},
    )
    changed = {name for name, one in facts.items() if one.size and one.sha256 and one.sha256 != digest_of[name]}
    yield from found(
        "file_changed",
        "A scan's file is not what was stored: its sha256 differs. Restore it from a backup.",
        _still_changed(changed, facts),
    )


def _stored() -> Iterator[str]:
    """Every file of the storage, two folders deep."""
    for folder in FOLDERS:
        for part in _list(folder)[0]:
            yield from (f"{folder}/{part}/{name}" for name in _list(f"{folder}/{part}")[1])


def _list(folder: str) -> tuple[list[str], list[str]]:
    try:
        return default_storage.listdir(folder)
    except FileNotFoundError:  # before the first upload
        return [], []


def _read(name: str, *, hashed: frozenset[str]) -> Stored | None:
    """A file's facts; None if it is gone since it was listed."""
    try:
        if name not in hashed:
            return Stored(default_storage.size(name))
        digest, size = hashlib.sha256(), 0
        with default_storage.open(name, "rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
    except FileNotFoundError:
        return None
    return Stored(size, digest.hexdigest())


def _is_old(name: str) -> bool:
    try:
        return default_storage.get_modified_time(name) < timezone.now() - MIN_AGE
    except FileNotFoundError:
        return False


def _still_named(missing: Iterable[str]) -> list[str]:
    """Of files that are not there, those that a row still names: the site may have deleted both meanwhile."""
    return [name for name in missing if _named(name) and not default_storage.exists(name)]


def _named(name: str) -> bool:
    return any(model._default_manager.filter(**{field: name}).exists() for model in (Scan, Slice) for field in STORED)


def _still_changed(changed: Iterable[str], facts: dict[str, Stored]) -> list[str]:
    """Of files with another digest, those whose row still asks for the same: a series may have grown meanwhile."""
    return [name for name in changed if Scan.objects.filter(file=name).exclude(sha256=facts[name].sha256).exists()]


def _delete(names: Iterable[str]) -> int:
    """Delete files that still nobody names."""
    unnamed = [name for name in names if not _named(name)]
    for name in unnamed:
        default_storage.delete(name)
    return len(unnamed)
