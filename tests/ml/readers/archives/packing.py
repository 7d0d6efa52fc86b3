"""Archives to test with, and what comes out of them."""

import io
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from ml.contracts import UnreadableImage
from ml.readers import archives

METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


def zipped(files: dict[str, bytes], *, links: tuple[str, ...] = (), method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = method
            if name in links:
                entry.external_attr = 0o120777 << 16
            archive.writestr(entry, data)
    return stream.getvalue()


def tarred(files: dict[str, bytes], *, mode: str = "w:gz", **more: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
        for name, kind in more.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, "/etc/passwd"
            archive.addfile(entry)
    return stream.getvalue()


def outcomes(data: bytes) -> dict[str, Any]:
    assert archives.is_archive(data)
    found = {member.name: member.read() for member in archives.members(data)}
    return {name: what.code if isinstance(what, UnreadableImage) else what for name, what in found.items()}


def trouble(data: bytes) -> str:
    with pytest.raises(UnreadableImage) as caught:
        outcomes(data)
    return caught.value.code


def lying(files: dict[str, bytes], size: int, **options: Any) -> bytes:
    """A ZIP archive whose files claim to have `size` bytes."""
    data = bytearray(zipped(files, **options))
    at = 0
    while (at := data.find(b"PK\x01\x02", at + 1)) > 0:
        data[at + 24 : at + 28] = size.to_bytes(4, "little")
    return bytes(data)


def peak(work: Callable[[], object]) -> int:
    """Most bytes of memory that Python had at once for it."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def folders(*names: str, mode: str = "") -> bytes:
    """An archive of nothing but folders. mode: of a tar archive, "" for ZIP."""
    stream = io.BytesIO()
    if not mode:
        return zipped({f"{name}/": b"" for name in names})
    with tarfile.open(fileobj=stream, mode=mode) as archive:  # type: ignore[call-overload]
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.type = tarfile.DIRTYPE
            archive.addfile(entry)
    return stream.getvalue()


FILES = {"study/1.dcm": b"one", "2.png": b"two", "deep/er/3": b""}
