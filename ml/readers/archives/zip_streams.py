"""Files of a ZIP archive as streams that unpack no more than they are asked for.

`zipfile` limits what stored and deflated files unpack to, but not what bzip2 and LZMA make of a few bytes.
"""

import bz2
import copy
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import IO

from ml.readers.packed import BinaryFile, Stream


class Bounded:
    """A file that reads at most `most` bytes and one more at a time.

    check: is called with all bytes that are read, before zipfile sees them; it may raise.
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


def open_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Stream:
    """A file of a ZIP archive, to be read in small pieces. Its checksum is compared at the end.

    Raises whatever zipfile, zlib, bz2 and lzma raise, here and in `read`.
    """
    if entry.compress_type not in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        return archive.open(entry)
    as_stored = copy.copy(entry)
    as_stored.compress_type, as_stored.file_size = zipfile.ZIP_STORED, entry.compress_size
    del as_stored.CRC  # it is that of the unpacked bytes
    packed = archive.open(as_stored)
    if entry.compress_type == zipfile.ZIP_BZIP2:
        return _Checked(bz2.BZ2File(packed), entry)
    return _Checked(_lzma(packed, entry.file_size), entry)


def _lzma(packed: IO[bytes], size: int) -> lzma.LZMAFile:
    """Parse ZIP's LZMA header (APPNOTE.TXT, 5.8.8). The dictionary need not be larger than the unpacked file."""
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
    """Returns as many bytes as the entry says, and compares the checksum, as zipfile does for other methods."""

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
