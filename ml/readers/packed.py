"""Compressed streams, read in pieces: nothing inflates to more than was asked for, whatever it claims."""

import zlib
from collections.abc import Iterator
from typing import Protocol

CHUNK = 65_536
"""Bytes that are read at a time."""


class BinaryFile(Protocol):
    """What reading an archive needs of a file. Django's File has it."""

    def read(self, size: int = -1, /) -> bytes: ...

    def seek(self, offset: int, whence: int = 0, /) -> int: ...

    def tell(self) -> int: ...


class Stream(Protocol):
    """A source of bytes that is read forwards only."""

    def read(self, size: int = -1, /) -> bytes: ...

    def close(self) -> None: ...


class InflatesTooLarge(Exception):
    """A compressed stream holds more bytes than allowed."""


def inflated_size(packed: bytes, *, wbits: int, max_bytes: int) -> int:
    """The size of a zlib, gzip or raw deflate stream, found by inflating it once and keeping nothing.

    wbits: the stream's format, as zlib takes it. Raises InflatesTooLarge as soon as there are more than `max_bytes`,
    EOFError if the stream is cut off, and zlib.error if it is damaged.
    """
    size, stream, rest = 0, zlib.decompressobj(wbits), packed
    while rest and not stream.eof:
        size += len(stream.decompress(rest, 1 << 20))
        rest = stream.unconsumed_tail
        if size > max_bytes:
            raise InflatesTooLarge
    if not stream.eof:
        raise EOFError("the compressed stream is cut off")
    return size


class Gunzipped:
    """The contents of a gzip file, read forwards. Raises zlib.error, and EOFError if it is cut off."""

    def __init__(self, file: BinaryFile) -> None:
        self._file, self._stream, self._rest = file, zlib.decompressobj(16 + zlib.MAX_WBITS), b""

    def read(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size and not self._stream.eof:
            packed = self._rest or self._file.read(CHUNK)
            if not packed:
                raise EOFError("gzip ends early")
            data += self._stream.decompress(packed, size - len(data))
            self._rest = self._stream.unconsumed_tail
        return bytes(data)


def gunzipped(packed: bytes) -> Iterator[bytes]:
    """What a gzip file inflates to, in pieces of at most a megabyte. Its members follow one another (RFC 1952, 2.2).

    Raises EOFError if a member is cut off, and zlib.error if it is damaged. Bytes after the last one are ignored.
    """
    view, at = memoryview(packed), 0
    while not at or packed[at : at + 2] == b"\x1f\x8b":
        stream = zlib.decompressobj(16 + zlib.MAX_WBITS)
        while not stream.eof:
            chunk = view[at : at + CHUNK]
            if not chunk:
                raise EOFError("the gzip file is cut off")
            yield stream.decompress(chunk, 1 << 20)
            at += len(chunk) - len(stream.unconsumed_tail) - len(stream.unused_data)
