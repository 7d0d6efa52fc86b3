"""Files of the storage, copied into a backup and back, each with its digest."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from django.core.files.base import File
from django.core.files.storage import default_storage

from brainscan.backup.manifest import BackupError

_FOLDER, _LIST = "storage", "files.jsonl"
_THREADS = 8
_CHUNK = 1024 * 1024


class Copied(dict[str, tuple[int, str]]):
    """Bytes and sha256 of each file in the backup, by its name in the storage."""

    def write(self, folder: Path) -> None:
        lines = (
            json.dumps({"name": name, "size": size, "sha256": digest}) for name, (size, digest) in sorted(self.items())
        )
        (folder / _LIST).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def read(folder: Path) -> Copied:
    """The files that a backup lists."""
    rows = map(json.loads, (folder / _LIST).read_text(encoding="utf-8").splitlines())
    return Copied({row["name"]: (row["size"], row["sha256"]) for row in rows})


def copy(wanted: Mapping[str, str], folder: Path, *, known: Copied) -> list[str]:
    """Copy files that `known` lacks, note them there, and drop those that are no longer wanted.

    wanted: each name with its sha256, "" where none is kept. Returns names that the storage does not have, or has with
    other bytes, also those that an earlier round has copied.
    """
    target = folder / _FOLDER
    for name in known.keys() - wanted.keys():
        (target / name).unlink(missing_ok=True)
        del known[name]
    for part in {str(Path(name).parent) for name in wanted}:
        (target / part).mkdir(parents=True, exist_ok=True)
    new = sorted(wanted.keys() - known.keys())
    with ThreadPoolExecutor(_THREADS) as pool:
        for name, facts in zip(new, pool.map(lambda name: _copy(name, target / name), new), strict=True):
            if facts is not None:
                known[name] = facts
    return sorted(name for name, digest in wanted.items() if name not in known or digest not in ("", known[name][1]))


def _copy(name: str, target: Path) -> tuple[int, str] | None:
    digest, size = hashlib.sha256(), 0
    try:
        with default_storage.open(name, "rb") as source, target.open("wb") as out:
            while chunk := source.read(_CHUNK):
                out.write(chunk)
                digest.update(chunk)
                size += len(chunk)
    except FileNotFoundError:
        target.unlink(missing_ok=True)
        return None
    return size, digest.hexdigest()


def require_empty() -> None:
    """Raises BackupError if the storage holds files of a site."""
    if _holds_file("scans") or _holds_file("previews"):
        raise BackupError(
            "The storage is not empty. Restore into an empty one: nothing is ever overwritten. If a restore was "
            "stopped in the middle, empty it first."
        )


def _holds_file(folder: str) -> bool:
    try:
        folders, names = default_storage.listdir(folder)
    except FileNotFoundError:
        return False
    return bool(names) or any(_holds_file(f"{folder}/{name}") for name in folders if name)


def check(folder: Path, files: Copied) -> None:
    """Raises BackupError if a file of the backup is gone or damaged."""
    with ThreadPoolExecutor(_THREADS) as pool:
        found = pool.map(lambda name: _digest(folder / _FOLDER / name), files)
        bad = [name for (name, (_, wanted)), digest in zip(files.items(), found, strict=True) if digest != wanted]
    if bad:
        raise BackupError(f"{len(bad)} files of the backup are gone or damaged, among them {bad[0]}.")


@contextmanager
def restored(folder: Path, names: Iterable[str]) -> Iterator[None]:
    """Put the files of a backup into the empty storage, under the names that the rows know. They are removed again if
    this or a later step fails."""

    written = []

    def put(name: str) -> None:
        with (folder / _FOLDER / name).open("rb") as source:
            stored = default_storage.save(name, File(source))
        written.append(stored)
        if stored != name:
            raise BackupError(f"The storage has a file {name} already.")

    with ThreadPoolExecutor(_THREADS) as pool:
        try:
            list(pool.map(put, names))
            yield
        except BaseException:
            pool.shutdown(cancel_futures=True)
            for name in written:
                default_storage.delete(name)
            raise


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as source:
            return hashlib.file_digest(source, "sha256").hexdigest()
    except FileNotFoundError:
        return ""
