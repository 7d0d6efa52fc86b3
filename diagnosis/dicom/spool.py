"""Where received files wait for intake: one unnamed temporary file per transfer.

Without a name in the file system, nobody else can open it, and nothing is left behind if the process dies.
"""

import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self


class TooLarge(Exception):
    """A file exceeds its size limit; the part already received is discarded."""


@dataclass(slots=True)
class SpooledFile:
    """One file in a spool, with the interface that intake expects of an upload."""

    name: str | None
    size: int
    _spool: "Spool"
    _start: int
    _position: int = 0

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes from the current position, or all the rest. Raises ValueError if the spool is closed."""
        left = self.size - self._position
        data = self._spool.read(self._start + self._position, left if size < 0 else min(size, left))
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Positions outside the file are clamped to its ends."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        self._position = min(max(base + offset, 0), self.size)
        return self._position

    def tell(self) -> int:
        return self._position


class Spool:
    """The files of one transfer, back to back. A context manager; closing it discards them all."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed by __exit__
        self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return self._end

    def add(self, name: str, chunks: Iterable[bytes], *, max_bytes: int) -> SpooledFile:
        """Write one file. Raises TooLarge, and OSError if the disk is full."""
        size = 0
        for chunk in chunks:
            if size + len(chunk) > max_bytes:
                raise TooLarge
            self._write(chunk, self._end + size)
            size += len(chunk)
        file = SpooledFile(name, size, self, self._end)
        self._end += size
        return file

    def read(self, start: int, size: int) -> bytes:
        """Positional, so it is safe while another thread adds a file."""
        data = bytearray()
        while len(data) < size and (more := os.pread(self._file.fileno(), size - len(data), start + len(data))):
            data += more
        return bytes(data)

    def close(self) -> None:
        self._file.close()

    def _write(self, chunk: bytes, offset: int) -> None:
        rest = memoryview(chunk)
        while rest:
            written = os.pwrite(self._file.fileno(), rest, offset)
            rest, offset = rest[written:], offset + written
