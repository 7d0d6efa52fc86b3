"""Where received files wait for intake: one temporary file without a name for all of one transfer.

It has no name in the file system, so nobody else can open it, and nothing stays behind when the process dies.
"""

import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self


class TooLarge(Exception):
    """A file is larger than one may be; what had arrived of it is let go."""


@dataclass(slots=True)
class Piece:
    """One file in a spool, as intake takes it."""

    name: str | None
    size: int
    _spool: "Spool"
    _start: int
    _at: int = 0

    def read(self, size: int = -1, /) -> bytes:
        """So many bytes from where it stands, or all. Raises ValueError once the spool is closed."""
        left = self.size - self._at
        data = self._spool.read(self._start + self._at, left if size < 0 else min(size, left))
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Never beyond its ends."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        self._at = min(max(base + offset, 0), self.size)
        return self._at

    def tell(self) -> int:
        return self._at


class Spool:
    """Files of one transfer, one after another. A context manager; closing it lets all of them go."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed by __exit__
        self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def size(self) -> int:
        """Bytes of all pieces."""
        return self._end

    def add(self, name: str, chunks: Iterable[bytes], *, most: int) -> Piece:
        """Write one file. most: bytes it may have. Raises TooLarge, and OSError when the disk is full."""
        size = 0
        for chunk in chunks:
            if size + len(chunk) > most:
                raise TooLarge
            self._write(chunk, self._end + size)
            size += len(chunk)
        piece = Piece(name, size, self, self._end)
        self._end += size
        return piece

    def read(self, start: int, size: int) -> bytes:
        """Safe while another thread adds: the file has no position that they would share."""
        data = bytearray()
        while len(data) < size and (more := os.pread(self._file.fileno(), size - len(data), start + len(data))):
            data += more
        return bytes(data)

    def close(self) -> None:
        self._file.close()

    def _write(self, chunk: bytes, at: int) -> None:
        rest = memoryview(chunk)
        while rest:
            written = os.pwrite(self._file.fileno(), rest, at)
            rest, at = rest[written:], at + written
