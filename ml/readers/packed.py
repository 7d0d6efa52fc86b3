"""Packed files read a little at a time: nothing unpacks to more than was asked for, whatever it claims.

`zipfile` bounds what stored and deflated files unpack to, but not what bzip2 and LZMA make of a few bytes.
"""

import bz2
import copy
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import IO, Protocol

CHUNK = 65_536
"""Bytes that are read at once."""


class BinaryFile(Protocol):
    """What reading an archive needs of a file; Django's files have it, too."""

    def read(self, size: int = -1, /) -> bytes: ...

    def seek(self, offset: int, whence: int = 0, /) -> int: ...

    def tell(self) -> int: ...


class Stream(Protocol):
    """What is read forwards, and closed at the end."""

    def read(self, size: int = -1, /) -> bytes: ...

    def close(self) -> None: ...


class Bounded:
    """A file that gives at most `most` bytes at a time; who wants more gets what `refuse` makes of it.

    check: sees all that is read.
    """

    def __init__(self, file: BinaryFile, *, most: int, check: Callable[[bytes], None]) -> None:
        self._file, self._most, self._check = file, most, check
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(self._most + 1 if size < 0 else min(size, self._most + 1))
        self._check(data)
        return data

    def seekable(self) -> bool:
        return True


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
    """What a gzip file holds, read forwards. Raises zlib.error, and EOFError where it ends early."""

    def __init__(self, file: BinaryFile) -> None:
        self._file, self._stream, self._rest = file, zlib.decompressobj(16 + zlib.MAX_WBITS), b""

    def read(self, size: int) -> bytes:
        found = bytearray()
        while len(found) < size and not self._stream.eof:
            packed = self._rest or self._file.read(CHUNK)
            if not packed:
                raise EOFError("gzip ends early")
            found += self._stream.decompress(packed, size - len(found))
            self._rest = self._stream.unconsumed_tail
        return bytes(found)


def opened(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Stream:
    """A file of a ZIP archive, to be read in small pieces. At its end its checksum is compared.

    Raises what zipfile, zlib, bz2 and lzma do, here and while it is read.
    """
    if entry.compress_type not in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        return archive.open(entry)
    as_it_lies = copy.copy(entry)
    as_it_lies.compress_type, as_it_lies.file_size = zipfile.ZIP_STORED, entry.compress_size
    del as_it_lies.CRC  # of what it unpacks to
    packed = archive.open(as_it_lies)
    if entry.compress_type == zipfile.ZIP_BZIP2:
        return _Checked(bz2.BZ2File(packed), entry)
    return _Checked(_lzma(packed, entry.file_size), entry)


def _lzma(packed: IO[bytes], size: int) -> lzma.LZMAFile:
    """After ZIP's own header of the method (APPNOTE.TXT, 5.8.8). The dictionary need not be larger than the file."""
    properties, dictionary = struct.unpack("<4xBL", packed.read(9))
    rest, lc = divmod(properties, 9)
    pb, lp = divmod(rest, 5)
    chain = {
        "id": lzma.FILTER_LZMA1,
        "dict_size": min(dictionary, max(size, 4096)),
        "lc": lc,
        "lp": lp,
        "pb": pb,
    }
    return lzma.LZMAFile(packed, format=lzma.FORMAT_RAW, filters=[chain])


class _Checked:
    """As many bytes as an entry says, and its checksum compared, as zipfile does for the other methods."""

    def __init__(self, stream: Stream, entry: zipfile.ZipInfo) -> None:
        self._stream, self._left, self._expected, self._sum = stream, entry.file_size, entry.CRC, zlib.crc32(b"")

    def read(self, size: int = -1, /) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        data = self._stream.read(wanted) if self._left else b""
        self._left -= len(data)
        self._sum = zlib.crc32(data, self._sum)
        if not self._left and self._sum != self._expected:
            raise zipfile.BadZipFile("bad checksum")
        return data

    def close(self) -> None:
        self._stream.close()
